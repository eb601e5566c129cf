"""Graph convolution over a mesh, and networks of volumes and of channels in their own units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro import areas, axes, models, splits
from jaxneuro.models.mesh import MeshConvolution, chebyshev, mesh_of


def strip(rows=6, columns=5):
    """Triangles of a flat grid of vertices."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    made = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])
    return made.reshape(-1, 3), rows * columns


def laplacian(triangles, vertices):
    """-D^-½ A D^-½ as a matrix."""
    whole = np.zeros((vertices, vertices))
    for i, j, k in triangles:
        for a, b in ((i, j), (j, k), (k, i)):
            whole[a, b] = whole[b, a] = 1
    root = 1 / np.sqrt(np.maximum(whole.sum(axis=1), 1))
    return -whole * root[:, None] * root


def test_chebyshev_polynomials_of_the_laplacian():
    triangles, vertices = strip()
    x = np.random.default_rng(0).normal(size=(3, vertices, 2)).astype(np.float32)
    matrix = laplacian(triangles, vertices)
    values, vectors = np.linalg.eigh(matrix)
    for k, found in enumerate(chebyshev(jnp.asarray(x), mesh_of(triangles, vertices), 4)):
        whole = vectors @ np.diag(np.cos(k * np.arccos(np.clip(values, -1, 1)))) @ vectors.T
        np.testing.assert_allclose(found, np.einsum("uv,svc->suc", whole, x), atol=1e-5)


def test_the_gradient_is_that_of_the_matrix():
    triangles, vertices = strip(3, 4)
    mesh, matrix = mesh_of(triangles, vertices), laplacian(triangles, vertices)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, vertices, 1)), jnp.float32)
    ours = jax.grad(lambda z: jnp.sin(chebyshev(z, mesh, 2)[2]).sum())(x)

    def dense(z):
        whole = jnp.asarray(2 * matrix @ matrix - np.eye(vertices), z.dtype)
        return jnp.sin(jnp.einsum("uv,svc->suc", whole, z)).sum()

    np.testing.assert_allclose(ours, jax.grad(dense)(x), atol=1e-5)


def test_a_layer_sees_as_many_edges_as_its_order():
    triangles, vertices = strip(8, 3)
    mesh = mesh_of(triangles, vertices)
    layer = MeshConvolution(mesh, 2, order=2)
    x = jnp.zeros((1, vertices, 1))
    params = layer.init(jax.random.key(0), x)
    moved = layer.apply(params, x.at[0, 0, 0].set(1.0))[0]
    far = np.zeros(vertices, bool)
    steps = (laplacian(triangles, vertices) != 0) | np.eye(vertices, dtype=bool)
    far[np.linalg.matrix_power(steps.astype(int), 2)[0] == 0] = True
    assert np.abs(moved)[far].max() == 0 and np.abs(moved)[~far].max() > 0


def test_the_numbers_of_the_vertices_are_no_matter():
    triangles, vertices = strip()
    order = np.random.default_rng(2).permutation(vertices)
    place = np.argsort(order)
    one = models.mesh_network(mesh_of(triangles, vertices), 2, (3,))
    two = models.mesh_network(mesh_of(place[triangles], vertices), 2, (3,))
    x = np.random.default_rng(3).normal(size=(4, vertices, 2)).astype(np.float32)
    params = one.init(jax.random.key(1), jnp.asarray(x))
    np.testing.assert_allclose(
        one.apply(params, jnp.asarray(x)), two.apply(params, jnp.asarray(x[:, order])), atol=1e-5
    )


def test_meshes_made_twice_are_one():
    triangles, vertices = strip()
    made = [models.mesh_network(mesh_of(t, vertices), 2) for t in (triangles, triangles[::-1])]
    assert made[0] == made[1] and hash(made[0]) == hash(made[1])
    assert made[0] != models.mesh_network(mesh_of(triangles[2:], vertices), 2)


@pytest.mark.slow
def test_a_network_tells_smooth_maps_from_rough_ones():
    """Maps of the same variance at every vertex and no mean: linear models know nothing of them."""
    triangles, vertices = strip(10, 8)
    values, vectors = np.linalg.eigh(laplacian(triangles, vertices))
    rng = np.random.default_rng(4)
    rough = np.arange(160) % 2
    power = np.where(rough[:, None], np.exp(3 * values), np.exp(-3 * values))
    x = (rng.normal(size=(160, vertices)) * np.sqrt(power)) @ vectors.T
    x = (x / x.std(axis=1, keepdims=True))[..., None]
    made = splits.k_fold(160, 2, seed=0)
    network = models.by_channel(models.mesh_network(mesh_of(triangles, vertices), 2, (8, 8)))
    fit = areas.network(network, 200, 40, standardise=True)
    grid = axes.grid(weight_decay=[0.01], learning_rate=[1e-2])
    fits = jn.fit_many(fit, jn.make_inputs(x, rough), [axes.folds(made), *grid], lanes=2)
    assert fits.scores["accuracy"].min() > 0.9
    linear = jn.fit_many(areas.softmax_regression(2), jn.make_inputs(x, rough),
                         [axes.folds(made), *axes.grid(l2=[1.0])], lanes=2)  # fmt: skip
    assert linear.scores["accuracy"].max() < 0.7


@pytest.mark.slow
def test_channels_are_scaled_by_what_a_fit_is_fitted_on():
    """A network behind `by_channel` predicts of raw channels what it does of scaled ones, and what
    is held out has no say in the scale."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40, 4, 4, 2)) * [100, 0.1] + [3, -2]
    y = np.arange(40) % 2
    held = np.arange(40) >= 30
    other = np.where(held[:, None, None, None], x * 50, x)
    fit = areas.network(models.by_channel(models.cnn(2, (2,), ())), 3, 8, standardise=True)
    grid = axes.grid(weight_decay=[0.0], learning_rate=[1e-3])
    folds = axes.folds(splits.holdout(held))
    found = [jn.fit_many(fit, jn.make_inputs(a.astype(np.float32), y), [folds, *grid], lanes=1)
             for a in (x, other)]  # fmt: skip
    same = [f.predict(x[:30].astype(np.float32)) for f in found]
    np.testing.assert_allclose(*same, atol=1e-4)
    seen = x[~held]
    z = (x - seen.mean(axis=(0, 1, 2))) / seen.std(axis=(0, 1, 2))
    scaled = jn.fit_many(fit, jn.make_inputs(z.astype(np.float32), y), [folds, *grid], lanes=1)
    np.testing.assert_allclose(scaled.predict(z.astype(np.float32)),
                               found[0].predict(x.astype(np.float32)), atol=1e-3)  # fmt: skip


def test_a_volume_network_is_a_convolution_in_three_dimensions():
    model = models.volume_cnn(3, (2,), ())
    x = np.random.default_rng(6).normal(size=(2, 4, 5, 1, 2)).astype(np.float32)
    params = model.init(jax.random.key(0), jnp.asarray(x))
    conv = params["conv_0"]
    theirs = jax.lax.conv_general_dilated(
        jnp.asarray(x), conv["kernel"], (1, 1, 1), "SAME",
        dimension_numbers=("NHWDC", "HWDIO", "NHWDC"),
    ) + conv["bias"]  # fmt: skip
    theirs = jnp.maximum(theirs, 0)[:, :, :4]
    theirs = theirs.reshape(2, 2, 2, 2, 2, 1, 2).max(axis=(2, 4)).reshape(2, -1)
    dense = params["readout"]
    np.testing.assert_allclose(model.apply(params, jnp.asarray(x)),
                               theirs @ dense["kernel"] + dense["bias"], atol=1e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: mesh_of(np.zeros((3, 4), int), 5), "triangles is"),
        (lambda: mesh_of(np.array([[0, 1, 9]]), 5), "numbers must be from 0 to 4"),
        (lambda: models.mesh_network(mesh_of(*strip()), 2, ()), "must be positive"),
        (lambda: models.volume_cnn(2, ()), "must be positive"),
        (
            lambda: models.mesh_network(mesh_of(*strip()), 2).init(
                jax.random.key(0), jnp.zeros((1, 4, 1))
            ),
            "must be \\(sample, vertex, channel\\) of 30 vertices",
        ),
    ],
)
def test_what_is_wrong_is_told(call, word):
    with pytest.raises(ValueError, match=word):
        call()
