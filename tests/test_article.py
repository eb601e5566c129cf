"""The article this project began from: its printed gradients, its gradient descent, its networks.

Section 4 prints three gradients, section 5 three networks in PyTorch. Each is written out again
here in numpy; where torch is installed, its own layers are asked as well.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numerics import float64, trees_close

from jaxneuro import Stop, losses, make_fit, make_inputs, models

KEY = 3


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def regression(samples: int = 12, features: int = 3):
    rng = np.random.default_rng(0)
    return rng.standard_normal((samples, features)), rng.standard_normal(samples)


def objective(model, loss, x, y):
    weight = jnp.ones(len(x))
    return lambda params: losses.weighted_mean(loss(model.apply(params, x), y), weight)


def jacobian(model, params, x):
    """∂ output / ∂θ: the leaves with (sample, *output) in front."""
    return jax.jit(jax.jacobian(lambda p: model.apply(p, x)))(params)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [models.neuron_mlp(4), models.linear_decoder()], ids=["4.1", "4.3"]
)
def test_the_printed_gradients_of_the_mean_squared_error(model) -> None:
    # 4.1 and 4.3: ∇J = 1/n Σ (ŷ_i - y_i) ∂ŷ_i/∂θ, of J = 1/(2n) Σ (ŷ_i - y_i)².
    with float64():
        x, y = (jnp.asarray(a) for a in regression())
        params = jax.jit(model.init)(jax.random.key(KEY), x)
        error = model.apply(params, x) - y
        printed = jax.tree.map(
            lambda slope: jnp.einsum("i,i...->...", error, slope) / len(x),
            jacobian(model, params, x),
        )
        ours = jax.jit(jax.grad(objective(model, losses.half_squared_error, x, y)))(params)
        trees_close(ours, printed, rtol=1e-12, atol=1e-15)
        value = objective(model, losses.half_squared_error, x, y)(params)
        assert float(value) == pytest.approx(float((error**2).sum() / (2 * len(x))), rel=1e-14)
        # Its code takes nn.MSELoss, without the ½: the same path at twice the learning rate.
        code = jax.jit(jax.grad(objective(model, losses.squared_error, x, y)))(params)
        trees_close(code, jax.tree.map(lambda g: 2 * g, printed), rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_the_printed_gradient_of_the_cross_entropy_is_that_of_the_logits() -> None:
    # 4.2 prints -1/n Σ_ij (y_ij - ŷ_ij) ∂ŷ_ij/∂θ, with ŷ the probabilities. The factor
    # -(y - ŷ)/n is ∂J/∂logits: with ∂logits/∂θ it is the gradient, with ∂ŷ/∂θ it is not.
    with float64():
        rng = np.random.default_rng(1)
        x, labels = jnp.asarray(rng.standard_normal((7, 3))), rng.integers(0, 4, 7)
        model = models.mlp((5,), 4, activation=jnp.tanh)
        params = jax.jit(model.init)(jax.random.key(KEY), x)
        logits = model.apply(params, x)
        one_hot, y = np.eye(4)[labels], jnp.asarray(labels)
        chances = softmax(np.asarray(logits))

        def of_logits(z):
            return losses.weighted_mean(losses.cross_entropy(z, y), jnp.ones(7))

        assert float(of_logits(logits)) == pytest.approx(-(one_hot * np.log(chances)).sum() / 7)
        factor = -(one_hot - chances) / 7
        np.testing.assert_allclose(jax.grad(of_logits)(logits), factor, rtol=1e-12)

        def chain(slopes):
            return jax.tree.map(lambda slope: jnp.einsum("ij,ij...->...", factor, slope), slopes)

        ours = jax.jit(jax.grad(objective(model, losses.cross_entropy, x, y)))(params)
        trees_close(ours, chain(jacobian(model, params, x)), rtol=1e-11, atol=1e-15)

        probabilities = model._replace(apply=lambda p, x: jax.nn.softmax(model.apply(p, x)))
        as_printed = chain(jacobian(probabilities, params, x))
        kernels = (tree["readout"]["kernel"] for tree in (ours, as_printed))
        assert not np.allclose(*kernels, rtol=0.1)


def steps_of(fit, inputs, count: int) -> list:
    """The parameters before each of `count` steps and after the last."""
    step, state = jax.jit(fit.step), jax.jit(fit.init)(inputs)
    found = [state.params]
    for _ in range(count):
        state = step(inputs, state)
        found.append(state.params)
    return found


def test_gradient_descent_step_by_step_linear() -> None:
    # θ ← θ - α ∇J(θ), section 2.1 with the gradient of 4.3; α is a float32 to the last bit.
    with float64():
        x, y = regression(30, 4)
        alpha = 0.125
        fit = make_fit(
            models.linear_decoder(), losses.half_squared_error,
            lambda hyper: optax.sgd(hyper["learning_rate"]),
            stop=Stop(max_steps=40, gradient=0, plateau=0),
        )  # fmt: skip
        found = steps_of(fit, make_inputs(x, y, hyper={"learning_rate": alpha}, key=KEY), 40)
        kernel = np.asarray(found[0]["readout"]["kernel"])[:, 0]
        bias = float(found[0]["readout"]["bias"][0])
        assert np.any(kernel != 0)
        for params in found:
            np.testing.assert_allclose(params["readout"]["kernel"][:, 0], kernel, rtol=1e-12)
            np.testing.assert_allclose(params["readout"]["bias"][0], bias, rtol=1e-12)
            error = x @ kernel + bias - y
            kernel = kernel - alpha * x.T @ error / len(x)
            bias = bias - alpha * error.mean()


def test_gradient_descent_step_by_step_neuron_model() -> None:
    # Section 5.1's loop: MSELoss, loss.backward(), SGD, with backpropagation written out.
    with float64():
        x, y = regression(20, 3)
        alpha = 0.0625
        stop = Stop(max_steps=30, gradient=0, plateau=0)
        fit = make_fit(models.neuron_mlp(5), losses.squared_error, optax.sgd(alpha), stop=stop)
        found = steps_of(fit, make_inputs(x, y, key=KEY), 30)
        w1, b1, w2, b2 = (
            np.array(found[0][layer][leaf])
            for layer in ("hidden_0", "readout") for leaf in ("kernel", "bias")
        )  # fmt: skip
        for params in found:
            for layer, kernel, bias in (("hidden_0", w1, b1), ("readout", w2, b2)):
                np.testing.assert_allclose(params[layer]["kernel"], kernel, rtol=1e-10, atol=1e-14)
                np.testing.assert_allclose(params[layer]["bias"], bias, rtol=1e-10, atol=1e-14)
            before = x @ w1 + b1
            hidden = relu(before)
            slope = 2 / len(x) * (hidden @ w2 + b2 - y[:, None])
            back = (slope @ w2.T) * (before > 0)
            w2, b2 = w2 - alpha * hidden.T @ slope, b2 - alpha * slope.sum(axis=0)
            w1, b1 = w1 - alpha * x.T @ back, b1 - alpha * back.sum(axis=0)


def shapes(params) -> dict:
    return jax.tree.map(lambda leaf: leaf.shape, params)


def count(params) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_section_5_shapes_and_parameter_counts() -> None:
    key = jax.random.key(0)
    region = jax.eval_shape(models.region_cnn(10).init, key, jnp.zeros((1, 28, 28, 3)))
    assert shapes(region) == {
        "conv_0": {"kernel": (3, 3, 3, 32), "bias": (32,)},
        "conv_1": {"kernel": (3, 3, 32, 64), "bias": (64,)},
        "hidden_0": {"kernel": (64 * 7 * 7, 128), "bias": (128,)},
        "readout": {"kernel": (128, 10), "bias": (10,)},
    }
    assert count(region) == 896 + 18_496 + 401_536 + 1_290
    neuron = jax.eval_shape(models.neuron_mlp(20, 2).init, key, jnp.zeros((1, 6)))
    assert shapes(neuron) == {
        "hidden_0": {"kernel": (6, 20), "bias": (20,)},
        "readout": {"kernel": (20, 2), "bias": (2,)},
    }
    decoder = jax.eval_shape(models.linear_decoder(2).init, key, jnp.zeros((1, 6)))
    assert shapes(decoder) == {"readout": {"kernel": (6, 2), "bias": (2,)}}


def conv2d(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`nn.Conv2d(kernel_size=3, stride=1, padding=1)`: x (n, in, row, column), weight
    (out, in, 3, 3), loop by loop."""
    rows, columns = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(x), len(weight), rows, columns)) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            part = padded[:, :, i : i + rows, j : j + columns]
            out += np.einsum("ncrs,oc->nors", part, weight[:, :, i, j])
    return out


def max_pool(x: np.ndarray) -> np.ndarray:
    rows, columns = (side // 2 for side in x.shape[2:])
    return np.array(
        [x[:, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].max(axis=(2, 3))
         for r in range(rows) for c in range(columns)]
    ).transpose(1, 2, 0).reshape(*x.shape[:2], rows, columns)  # fmt: skip


def as_torch(params, side: int) -> dict[str, np.ndarray]:
    """Our parameters of `region_cnn` under the names and in the order of the article's code;
    `side`: rows and columns of the last maps."""
    found = {}
    for theirs, name in (("conv1", "conv_0"), ("conv2", "conv_1")):
        found[f"{theirs}.weight"] = np.transpose(params[name]["kernel"], (3, 2, 0, 1))
        found[f"{theirs}.bias"] = params[name]["bias"]
    flat = np.asarray(params["hidden_0"]["kernel"]).reshape(side, side, 64, 128)
    found["fc1.weight"] = flat.transpose(3, 2, 0, 1).reshape(128, -1)  # (channel, row, column)
    found["fc1.bias"] = params["hidden_0"]["bias"]
    found["fc2.weight"] = np.transpose(params["readout"]["kernel"])
    found["fc2.bias"] = params["readout"]["bias"]
    return {name: np.array(value) for name, value in found.items()}


@functools.cache
def region_example(side: int = 28):
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.standard_normal((3, side, side, 2)), jnp.float32)
    model = models.region_cnn(5)
    return model, jax.jit(model.init)(jax.random.key(KEY), x), x


def test_region_model_is_the_article_code() -> None:
    model, params, x = region_example()
    w = {name: value.astype(np.float64) for name, value in as_torch(params, 7).items()}
    h = np.asarray(x, np.float64).transpose(0, 3, 1, 2)
    h = max_pool(relu(conv2d(h, w["conv1.weight"], w["conv1.bias"])))
    h = max_pool(relu(conv2d(h, w["conv2.weight"], w["conv2.bias"])))
    h = h.reshape(-1, 64 * 7 * 7)

    def dense(kernel):
        return relu(h @ kernel + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]

    found = jax.jit(model.apply)(params, x)
    np.testing.assert_allclose(found, dense(w["fc1.weight"].T), rtol=1e-4, atol=1e-5)
    # The order of flattening matters: the kernel as it lies gives something else.
    as_it_lies = dense(np.asarray(params["hidden_0"]["kernel"]))
    assert not np.allclose(found, as_it_lies, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_neuron_model_and_decoder_are_the_article_code() -> None:
    x = np.random.default_rng(1).standard_normal((6, 4)).astype(np.float32)
    model = models.neuron_mlp(8, 2)
    params = model.init(jax.random.key(KEY), jnp.asarray(x))
    fc1, fc2 = params["hidden_0"], params["readout"]
    wanted = relu(x @ fc1["kernel"] + fc1["bias"]) @ fc2["kernel"] + fc2["bias"]
    np.testing.assert_allclose(model.apply(params, x), wanted, rtol=1e-5, atol=1e-6)
    one = models.neuron_mlp(8)  # one neuron: the same numbers without the output axis
    params = one.init(jax.random.key(KEY), jnp.asarray(x))
    assert params["readout"]["kernel"].shape == (8, 1) and one.apply(params, x).shape == (6,)
    decoder = models.linear_decoder(2)
    params = decoder.init(jax.random.key(KEY), jnp.asarray(x))
    layer = params["readout"]
    wanted = x @ layer["kernel"] + layer["bias"]
    np.testing.assert_allclose(decoder.apply(params, x), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "shape"),
    [(models.neuron_mlp(64, 8), (1, 40)), (models.region_cnn(20), (1, 8, 8, 3)),
     (models.linear_decoder(50), (1, 30))],
    ids=["neuron_mlp", "region_cnn", "linear_decoder"],
)  # fmt: skip
def test_start_is_uniform_within_one_over_root_inputs(model, shape) -> None:
    # torch.nn.Linear and Conv2d, weights and biases: U(±1/√fan_in).
    params = jax.jit(model.init)(jax.random.key(KEY), jnp.zeros(shape))
    for layer in params.values():
        inputs = np.prod(layer["kernel"].shape[:-1])
        for leaf in layer.values():
            scaled = np.asarray(leaf).ravel() * np.sqrt(inputs)
            assert np.abs(scaled).max() <= 1 + 1e-6
            if leaf.size < 1000:
                assert np.abs(scaled).max() > 1 / 2
            else:  # 99.9 % within 5 standard errors of a uniform variable's moments
                assert np.abs(scaled).max() > 0.99
                assert abs(scaled.mean()) < 5 / np.sqrt(3 * leaf.size)
                assert scaled.var() == pytest.approx(1 / 3, abs=5 * 0.3 / np.sqrt(leaf.size))


def torch_region(torch, side: int):
    nn = torch.nn

    class BrainRegionModel(nn.Module):  # the article's, but for the size of its images
        def __init__(self, input_channels, num_classes):
            super().__init__()
            self.conv1 = nn.Conv2d(input_channels, 32, kernel_size=3, stride=1, padding=1)
            self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
            self.conv2 = nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1)
            self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
            self.fc1 = nn.Linear(64 * side * side, 128)
            self.fc2 = nn.Linear(128, num_classes)
            self.relu = nn.ReLU()

        def forward(self, x):
            x = self.pool1(self.relu(self.conv1(x)))
            x = self.pool2(self.relu(self.conv2(x)))
            x = x.view(-1, 64 * side * side)
            return self.fc2(self.relu(self.fc1(x)))

    return BrainRegionModel


@pytest.mark.parametrize("side", [28, 9])
def test_region_model_is_torch_with_weights_copied(side: int) -> None:
    torch = pytest.importorskip("torch")
    model, params, x = region_example(side)
    theirs = torch_region(torch, side // 4)(2, 5)
    copied = as_torch(params, side // 4)
    theirs.load_state_dict({name: torch.tensor(value) for name, value in copied.items()})
    images = torch.tensor(np.transpose(x, (0, 3, 1, 2)).copy())
    wanted = theirs(images)
    found = jax.jit(model.apply)(params, x)
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-4, atol=1e-5)
    y = np.array([0, 3, 1])
    loss = torch.nn.functional.cross_entropy(wanted, torch.tensor(y))
    loss.backward()
    ours, slope = jax.jit(
        jax.value_and_grad(objective(model, losses.cross_entropy, x, jnp.asarray(y)))
    )(params)
    assert float(ours) == pytest.approx(loss.item(), rel=1e-5)
    for name, value in as_torch(slope, side // 4).items():
        wanted = theirs.get_parameter(name).grad.numpy()
        np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_neuron_model_trains_as_torch_does() -> None:
    torch = pytest.importorskip("torch")
    x, y = (a.astype(np.float32) for a in regression(40, 3))
    stop = Stop(max_steps=50, gradient=0, plateau=0)
    fit = make_fit(models.neuron_mlp(6), losses.squared_error, optax.sgd(0.01), stop=stop)
    found = steps_of(fit, make_inputs(x, y, key=KEY), 50)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1)
    )  # fc1, relu, fc2
    start = found[0]
    layers = ((theirs[0], "hidden_0"), (theirs[2], "readout"))
    with torch.no_grad():
        for layer, name in layers:
            layer.weight.copy_(torch.tensor(np.array(start[name]["kernel"]).T.copy()))
            layer.bias.copy_(torch.tensor(np.array(start[name]["bias"])))
    criterion, inputs, target = torch.nn.MSELoss(), torch.tensor(x), torch.tensor(y)[:, None]
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.01)
    for _ in range(50):
        loss = criterion(theirs(inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for layer, name in layers:
        wanted = layer.weight.detach().numpy().T
        np.testing.assert_allclose(found[-1][name]["kernel"], wanted, rtol=1e-4, atol=1e-6)


def test_torch_starts_its_layers_as_ours_do() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    for layer, inputs in ((torch.nn.Linear(40, 64), 40), (torch.nn.Conv2d(3, 32, 3), 27)):
        for leaf in (layer.weight, layer.bias):
            assert 0.8 < leaf.detach().abs().max().item() * np.sqrt(inputs) <= 1 + 1e-6
