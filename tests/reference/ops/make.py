#!/usr/bin/env python3
"""Golden values of the operations and optimisers, from PyTorch (made with 1.13) in double precision.

    python make.py > golden.lua

A case is a Lua expression over named inputs, its output y, a cotangent dy, and the gradients of sum(y * dy). Feature
maps are stored as calr has them, N x H x W x C."""
import torch
import torch.nn.functional as F

torch.manual_seed(7)
cases = []


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def rand(*shape):
    return (torch.randn(shape) * 1000).round().double() / 1000


def positive(*shape):
    return ((torch.rand(shape) + 0.2) * 1000).round().double() / 1000


def case(name, expression, function, inputs, constants=None, after=None):
    """inputs get gradients; constants (tensors, or lists of labels) do not; after: constants that change."""
    constants = constants or {}
    leaves = {k: v.clone().requires_grad_(True) for k, v in inputs.items()}
    fixed = {k: v.clone() if torch.is_tensor(v) else v for k, v in constants.items()}
    y = function(**leaves, **fixed)
    dy = rand(*y.shape)
    grads = torch.autograd.grad((y * dy).sum(), list(leaves.values()))
    cases.append(dict(name=name, expression=expression, inputs=inputs, constants=constants, y=y, dy=dy,
                      grads=dict(zip(leaves, grads)), after={k: fixed[k] for k in after or []}))


def conv(stride, padding, groups=1):
    def f(x, w, b=None):
        return nhwc(F.conv2d(nchw(x), w, b, stride=stride, padding=padding, groups=groups))
    return f


case("conv2d 3x3, padding 1", "ops.conv2d(x, w, {padding = 1})", conv(1, 1),
     dict(x=rand(2, 4, 3, 2), w=rand(3, 2, 3, 3)))
case("conv2d 3x3, stride 2, padding 1, bias", "ops.conv2d(x, w, {stride = 2, padding = 1, bias = b})", conv(2, 1),
     dict(x=rand(2, 5, 4, 3), w=rand(4, 3, 3, 3), b=rand(4)))
case("conv2d 1x1, stride 2", "ops.conv2d(x, w, {stride = 2})", conv(2, 0), dict(x=rand(2, 5, 4, 3), w=rand(5, 3, 1, 1)))
case("conv2d 7x7, stride 2, padding 3", "ops.conv2d(x, w, {stride = 2, padding = 3})", conv(2, 3),
     dict(x=rand(1, 9, 6, 3), w=rand(2, 3, 7, 7)))
case("conv2d 1x3, stride 3", "ops.conv2d(x, w, {stride = 3})", conv(3, 0), dict(x=rand(1, 7, 5, 2), w=rand(2, 2, 1, 3)))


def batch_norm(training, relu=False, eps=1e-5, momentum=0.1):
    def f(x, gamma, beta, mean, var, residual=None):
        flat = x.reshape(-1, x.shape[-1])
        y = F.batch_norm(flat, mean, var, gamma, beta, training, momentum, eps).reshape(x.shape)
        if residual is not None:
            y = y + residual
        return F.relu(y) if relu else y
    return f


def bn_inputs(*shape, residual=False):
    c = shape[-1]
    inputs = dict(x=rand(*shape), gamma=rand(c), beta=rand(c))
    if residual:
        inputs["residual"] = rand(*shape)
    return inputs, dict(mean=rand(c), var=positive(c))


inputs, stats = bn_inputs(3, 2, 3, 4)
case("batch_norm, training", "ops.batch_norm(x, gamma, beta, mean, var, {training = true})", batch_norm(True), inputs,
     stats, after=["mean", "var"])
case("batch_norm, evaluation", "ops.batch_norm(x, gamma, beta, mean, var)", batch_norm(False), inputs, stats)
inputs, stats = bn_inputs(6, 5)
case("batch_norm of rows, momentum, eps",
     "ops.batch_norm(x, gamma, beta, mean, var, {training = true, momentum = .3, eps = .01})",
     batch_norm(True, eps=0.01, momentum=0.3), inputs, stats, after=["mean", "var"])
inputs, stats = bn_inputs(2, 3, 2, 3, residual=True)
case("batch_norm + residual + relu, training",
     "ops.batch_norm(x, gamma, beta, mean, var, {training = true, relu = true, residual = residual})",
     batch_norm(True, True), inputs, stats, after=["mean", "var"])
case("batch_norm + residual, training", "ops.batch_norm(x, gamma, beta, mean, var, {training = true, residual = residual})",
     batch_norm(True), inputs, stats)
case("batch_norm + residual + relu, evaluation",
     "ops.batch_norm(x, gamma, beta, mean, var, {relu = true, residual = residual})", batch_norm(False, True), inputs,
     stats)
inputs, stats = bn_inputs(2, 2, 2, 3)
case("batch_norm + relu, training", "ops.batch_norm(x, gamma, beta, mean, var, {training = true, relu = true})",
     batch_norm(True, True), inputs, stats)
case("instance_norm", "ops.instance_norm(x, gamma, beta)",
     lambda x, gamma, beta: nhwc(F.instance_norm(nchw(x), weight=gamma, bias=beta)),
     dict(x=rand(2, 3, 3, 2), gamma=rand(2), beta=rand(2)))

case("max_pool 3, 2, 1", "ops.max_pool(x, {kernel = 3, stride = 2, padding = 1})",
     lambda x: nhwc(F.max_pool2d(nchw(x), 3, 2, 1)), dict(x=rand(2, 5, 4, 2)))
case("max_pool 2, 2", "ops.max_pool(x, {kernel = 2, stride = 2, padding = 0})",
     lambda x: nhwc(F.max_pool2d(nchw(x), 2, 2)), dict(x=rand(1, 5, 4, 3)))
case("avg_pool", "ops.avg_pool(x)", lambda x: x.mean((1, 2)), dict(x=rand(2, 3, 2, 4)))
case("gem", "ops.gem(x, p)", lambda x, p: x.clamp(min=1e-6).pow(p).mean((1, 2)).pow(1 / p),
     dict(x=positive(2, 3, 2, 4), p=torch.tensor([3.0]).double()))
case("gem, other p and eps, values below eps", "ops.gem(x, p, {eps = .1})",
     lambda x, p: x.clamp(min=0.1).pow(p).mean((1, 2)).pow(1 / p),
     dict(x=rand(2, 2, 3, 3), p=torch.tensor([2.25]).double()))

case("linear", "ops.linear(x, w, b)", lambda x, w, b: F.linear(x, w, b), dict(x=rand(3, 4), w=rand(2, 4), b=rand(2)))
case("linear without bias", "ops.linear(x, w)", lambda x, w: F.linear(x, w), dict(x=rand(3, 4), w=rand(2, 4)))
for ta in (False, True):
    for tb in (False, True):
        case("matmul" + (" a^T" if ta else "") + (" b^T" if tb else ""),
             "ops.matmul(a, b, {transpose_a = %s, transpose_b = %s})" % (str(ta).lower(), str(tb).lower()),
             lambda a, b, ta=ta, tb=tb: (a.t() if ta else a) @ (b.t() if tb else b),
             dict(a=rand(*((3, 2) if ta else (2, 3))), b=rand(*((4, 3) if tb else (3, 4)))))

case("relu", "ops.relu(x)", lambda x: F.relu(x), dict(x=rand(3, 4)))
case("exp", "ops.exp(x)", lambda x: x.exp(), dict(x=rand(5)))
case("log", "ops.log(x)", lambda x: x.log(), dict(x=positive(5)))
case("sqrt", "ops.sqrt(x)", lambda x: x.sqrt(), dict(x=positive(5)))
case("pow", "x ^ 2.5", lambda x: x ** 2.5, dict(x=positive(5)))
case("pow of negative numbers", "ops.pow(x, 3)", lambda x: x ** 3, dict(x=rand(5)))
case("neg", "-x", lambda x: -x, dict(x=rand(5)))
case("numbers", "2 - (3 * x / 4 + 1) - x", lambda x: 2 - (3 * x / 4 + 1) - x, dict(x=rand(2, 3)))
case("number / tensor", "2 / x", lambda x: 2 / x, dict(x=positive(2, 3)))
for symbol, word in (("+", "add"), ("-", "sub"), ("*", "mul"), ("/", "div")):
    f = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}[symbol]
    case(word, "a %s b" % symbol, f, dict(a=rand(2, 3), b=positive(2, 3)))
    case(word + ", a row", "a %s b" % symbol, f, dict(a=rand(4, 3), b=positive(3)))
    case(word + ", a column", "a %s b" % symbol, f, dict(a=rand(2, 3, 2), b=positive(3, 1)))
    case(word + ", outer", "a %s b" % symbol, f, dict(a=rand(3, 1), b=positive(1, 2)))
    case(word + ", wider second", "a %s b" % symbol, f, dict(a=rand(2), b=positive(3, 2)))

case("sum", "x:sum()", lambda x: x.sum(), dict(x=rand(2, 3)))
case("sum over 1", "x:sum(1)", lambda x: x.sum(0), dict(x=rand(3, 2, 2)))
case("sum over 2", "x:sum(2)", lambda x: x.sum(1), dict(x=rand(3, 2, 2)))
case("sum over the last", "x:sum(-1)", lambda x: x.sum(-1), dict(x=rand(3, 2, 2)))
case("mean", "x:mean()", lambda x: x.mean(), dict(x=rand(2, 3)))
case("mean over 1", "ops.mean(x, 1)", lambda x: x.mean(0), dict(x=rand(3, 2, 2)))
case("mean over the last", "x:mean(3)", lambda x: x.mean(-1), dict(x=rand(2, 2, 3)))

case("softmax", "x:softmax()", lambda x: x.softmax(-1), dict(x=rand(3, 4)))
case("log_softmax", "x:log_softmax()", lambda x: x.log_softmax(-1), dict(x=rand(2, 2, 3)))
case("l2_normalize", "x:l2_normalize()", lambda x: F.normalize(x, dim=-1), dict(x=rand(3, 4)))
case("l2_normalize of short rows", "x:l2_normalize{eps = 10}", lambda x: F.normalize(x, dim=-1, eps=10), dict(x=rand(3, 4)))

labels = [1, 0, 2, 1]
case("cross_entropy", "ops.cross_entropy(x, labels)", lambda x, labels: F.cross_entropy(x, torch.tensor(labels)),
     dict(x=rand(4, 3)), dict(labels=labels))
case("cross_entropy with weights", "ops.cross_entropy(x, labels, {weights = w})",
     lambda x, labels, w: F.cross_entropy(x, torch.tensor(labels), w), dict(x=rand(4, 3)),
     dict(labels=labels, w=torch.tensor([0.5, 0.0, 2.0]).double()))
case("cross_entropy, weights that sum to 0", "ops.cross_entropy(x, labels, {weights = w})",
     lambda x, labels, w: (x * 0).sum(), dict(x=rand(2, 3)),
     dict(labels=[1, 1], w=torch.tensor([0.5, 0.0, 2.0]).double()))
case("cross_entropy against a memory", "ops.cross_entropy(f:l2_normalize():matmul(m, {transpose_b = true}) / .05, labels)",
     lambda f, labels, m: F.cross_entropy(F.normalize(f) @ m.t() / 0.05, torch.tensor(labels)), dict(f=rand(4, 5)),
     dict(labels=labels, m=F.normalize(rand(3, 5))))
case("reverse_gradient", "(ops.reverse_gradient(x, .5) * x)", lambda x: x * x - 1.5 * (x - x.detach()) * x.detach(),
     dict(x=rand(4)))

case("index_select", "ops.index_select(x, 1, index)", lambda x, index: x[torch.tensor(index)], dict(x=rand(4, 3)),
     dict(index=[2, 0, 2, 3, 2]))
case("cat", "ops.cat({a, b, a}, 2)", lambda a, b: torch.cat([a, b, a], 1), dict(a=rand(2, 2), b=rand(2, 3)))
case("reshape", "x:reshape{3, -1} * 2", lambda x: x.reshape(3, -1) * 2, dict(x=rand(2, 6)))
case("narrow", "x:narrow(2, 2, 2)", lambda x: x.narrow(1, 1, 2), dict(x=rand(2, 4)))
case("select", "x:select(2, 3) * x:select(2, 1)", lambda x: x.select(1, 2) * x.select(1, 0), dict(x=rand(2, 3, 2)))
case("transpose", "x:transpose(1, 3) + 1", lambda x: x.transpose(0, 2) + 1, dict(x=rand(2, 3, 2)))
case("contiguous, clone, to", "x:transpose(1, 2):contiguous():reshape{6}:clone():to 'f32'",
     lambda x: x.t().reshape(6), dict(x=rand(2, 3)))
case("a transposed view through a kernel", "ops.linear(x:transpose(1, 2), w)", lambda x, w: F.linear(x.t(), w),
     dict(x=rand(4, 3), w=rand(2, 4)))
case("one tensor many times", "x * x + x - x:exp() * x", lambda x: x * x + x - x.exp() * x, dict(x=rand(4)))
case("sigmoid", "ops.sigmoid(x)", lambda x: torch.sigmoid(x), dict(x=4 * rand(6)))
case("gated_sum of one", "ops.gated_sum({a}, {g})", lambda a, g: a * g[:, None, None, :],
     dict(a=rand(2, 2, 2, 3), g=rand(2, 3)))
case("gated_sum of five", "ops.gated_sum({a, b, a, b, b}, {g, h, h, g, g})",
     lambda a, b, g, h: a * (g + h)[:, None, None, :] + b * (h + 2 * g)[:, None, None, :],
     dict(a=rand(2, 2, 1, 3), b=rand(2, 2, 1, 3), g=rand(2, 3), h=rand(2, 3)))


def lua(value):
    if torch.is_tensor(value):
        value = value.detach().numpy()
    if isinstance(value, list):
        return "{ %s }" % ", ".join(map(str, value))
    numbers = ", ".join("%.8g" % v for v in value.reshape(-1))
    return "{ shape = { %s }, %s }" % (", ".join(map(str, value.shape)), numbers)


def lua_map(name, values):
    if not values:
        return ""
    return "    %s = {\n%s    },\n" % (name, "".join("      %s = %s,\n" % (k, lua(v)) for k, v in values.items()))


def optimiser(name, make, steps=5):
    w = rand(3, 2)
    parameter = torch.nn.Parameter(w.clone())
    o = make([parameter])
    grads, after = [], []
    for _ in range(steps):
        parameter.grad = rand(3, 2)
        grads.append(lua(parameter.grad))
        o.step()
        after.append(lua(parameter))
    rows = "".join("      { grad = %s,\n        w = %s },\n" % pair for pair in zip(grads, after))
    return '    ["%s"] = {\n      w = %s,\n%s    },\n' % (name, lua(w), rows)


# Later cases stand at the end: the random numbers of those above stay.
case("conv2d 3x3, 2 groups, bias", "ops.conv2d(x, w, {padding = 1, groups = 2, bias = b})", conv(1, 1, 2),
     dict(x=rand(2, 4, 3, 4), w=rand(6, 2, 3, 3), b=rand(6)))
case("conv2d 3x3, depthwise", "ops.conv2d(x, w, {padding = 1, groups = 8})", conv(1, 1, 8),
     dict(x=rand(2, 5, 4, 8), w=rand(8, 1, 3, 3)))
case("conv2d 3x3, depthwise, stride 2, bias", "ops.conv2d(x, w, {stride = 2, padding = 1, groups = 5, bias = b})",
     conv(2, 1, 5), dict(x=rand(2, 5, 6, 5), w=rand(5, 1, 3, 3), b=rand(5)))
case("cross_entropy with weights of classes and rows", "ops.cross_entropy(x, labels, {weights = w, row_weights = r})",
     lambda x, labels, w, r: (F.cross_entropy(x, torch.tensor(labels), w, reduction="none") * r).sum()
     / (w[torch.tensor(labels)] * r).sum(), dict(x=rand(4, 3)),
     dict(labels=labels, w=torch.tensor([0.5, 0.25, 2.0]).double(), r=torch.tensor([1.0, 0.5, 0.0, 3.0]).double()))
case("index_select in the middle", "ops.index_select(x, 2, index)",
     lambda x, index: x.index_select(1, torch.tensor(index)), dict(x=rand(2, 4, 3)), dict(index=[3, 1, 3, 3, 0]))
case("index_select of the last", "ops.index_select(x:transpose(1, 2), -1, index)",
     lambda x, index: x.t().index_select(1, torch.tensor(index)), dict(x=rand(3, 4)), dict(index=[2, 2, 0]))



# An activation behind a batch norm, with values on all sides of its corners.
def activated(kind, training):
    norm, after = batch_norm(training), dict(relu=F.relu, relu6=F.relu6, silu=F.silu, hardswish=F.hardswish)[kind]
    return lambda **inputs: after(norm(**inputs))


for kind in ("relu6", "silu", "hardswish"):
    inputs, stats = bn_inputs(2, 3, 2, 3, residual=True)
    inputs["gamma"], inputs["beta"] = 3 + inputs["gamma"], 1 + inputs["beta"]
    case("batch_norm + residual + %s, training" % kind,
         "ops.batch_norm(x, gamma, beta, mean, var, {training = true, activation = '%s', residual = residual})" % kind,
         activated(kind, True), inputs, stats, after=["mean", "var"])
    case("batch_norm + residual + %s, evaluation" % kind,
         "ops.batch_norm(x, gamma, beta, mean, var, {activation = '%s', residual = residual})" % kind,
         activated(kind, False), inputs, stats)
    inputs = {k: v for k, v in inputs.items() if k != "residual"}
    case("batch_norm + %s, training" % kind,
         "ops.batch_norm(x, gamma, beta, mean, var, {training = true, activation = '%s'})" % kind,
         activated(kind, True), inputs, stats)


# padding: top, bottom, left, right
def any_conv(stride, padding, dilation, groups=1):
    top, bottom, left, right = padding

    def f(x, w, b=None):
        return nhwc(F.conv2d(F.pad(nchw(x), (left, right, top, bottom)), w, b, stride=stride, dilation=dilation,
                             groups=groups))
    return f


def transposed(stride, padding, output_padding, dilation, groups=1):
    def f(x, w, b=None):
        return nhwc(F.conv_transpose2d(nchw(x), w, b, stride, padding, output_padding, groups, dilation))
    return f


case("conv2d 3x3, dilation 2", "ops.conv2d(x, w, {padding = 2, dilation = 2})", any_conv(1, (2, 2, 2, 2), 2),
     dict(x=rand(1, 6, 5, 2), w=rand(3, 2, 3, 3)))
case("conv2d 3x1, dilation and stride by direction, bias",
     "ops.conv2d(x, w, {padding = {2, 0}, dilation = {2, 1}, stride = {1, 2}, bias = b})",
     any_conv((1, 2), (2, 2, 0, 0), (2, 1)), dict(x=rand(2, 5, 5, 3), w=rand(2, 3, 3, 1), b=rand(2)))
case("conv2d 3x2, padding by side", "ops.conv2d(x, w, {padding = {0, 2, 1, 0}})", any_conv(1, (0, 2, 1, 0), 1),
     dict(x=rand(2, 4, 5, 2), w=rand(2, 2, 3, 2)))
case("conv2d 3x3, stride 2, same, even", "ops.conv2d(x, w, {padding = 'same', stride = 2})",
     any_conv(2, (0, 1, 0, 1), 1), dict(x=rand(1, 6, 4, 2), w=rand(2, 2, 3, 3)))
case("conv2d 3x3, stride 2, same, odd and even", "ops.conv2d(x, w, {padding = 'same', stride = 2})",
     any_conv(2, (1, 1, 0, 1), 1), dict(x=rand(1, 5, 4, 2), w=rand(2, 2, 3, 3)))
case("conv2d 5x5, depthwise, stride 2, same, dilation",
     "ops.conv2d(x, w, {padding = 'same', stride = 2, groups = 8, dilation = {1, 2}})",
     any_conv(2, (1, 2, 3, 4), (1, 2), 8), dict(x=rand(1, 6, 6, 8), w=rand(8, 1, 5, 5)))
case("conv2d 3x3, 2 groups, dilation by direction", "ops.conv2d(x, w, {padding = {1, 2}, groups = 2, dilation = {1, 2}})",
     any_conv(1, (1, 1, 2, 2), (1, 2), 2), dict(x=rand(1, 4, 6, 4), w=rand(6, 2, 3, 3)))
case("conv_transpose2d 3x3, stride 2, twice as large",
     "ops.conv_transpose2d(x, w, {stride = 2, padding = 1, output_padding = 1, bias = b})", transposed(2, 1, 1, 1),
     dict(x=rand(2, 3, 2, 3), w=rand(3, 2, 3, 3), b=rand(2)))
case("conv_transpose2d 2x3, by direction, dilation",
     "ops.conv_transpose2d(x, w, {stride = {3, 1}, padding = {1, 0}, output_padding = {2, 0}, dilation = {2, 1}})",
     transposed((3, 1), (1, 0), (2, 0), (2, 1)), dict(x=rand(1, 3, 3, 2), w=rand(2, 3, 2, 3)))
case("conv_transpose2d 4x4, 2 groups, stride 2", "ops.conv_transpose2d(x, w, {stride = 2, padding = 1, groups = 2})",
     transposed(2, 1, 0, 1, 2), dict(x=rand(1, 3, 2, 4), w=rand(4, 3, 4, 4)))

print("-- Made by make.py with PyTorch %s.\nreturn {\n  cases = {" % torch.__version__.split("+")[0])
for c in cases:
    print("  {\n    name = \"%s\",\n    expression = \"%s\"," % (c["name"], c["expression"]))
    print(lua_map("inputs", c["inputs"]) + lua_map("constants", c["constants"]), end="")
    print("    y = %s,\n    dy = %s," % (lua(c["y"]), lua(c["dy"])))
    print(lua_map("grads", c["grads"]) + lua_map("after", c["after"]) + "  },")
print("  },\n  optimisers = {")
print(optimiser("adam", lambda p: torch.optim.Adam(p, lr=0.1)), end="")
print(optimiser("adam, all options",
                lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)), end="")
print(optimiser("sgd", lambda p: torch.optim.SGD(p, lr=0.1)), end="")
print(optimiser("sgd, momentum, decay", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05)), end="")
print(optimiser("sgd, nesterov", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01)),
      end="")
print("  },\n}")
