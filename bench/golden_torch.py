"""Writes train/engine/enginetest/testdata/torch.{json,bin}: layers by PyTorch.

Run from the root of the repository, with torch 2.x (2.15.0 made those there):

    python bench/golden_torch.py

torch.bin holds float32, little-endian; torch.json says, a layer, its
parameters, and the shape and the first value of each of its tensors. Inputs
are multiples of 1/64 below 4, which half precision holds; PyTorch computes with
them in float64, so that the rounding to float32 of what comes out is all that
the goldens are wrong by. Gradients are autograd's, d + the name of the input.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

OUT = pathlib.Path("train/engine/enginetest/testdata")
EPS = float(np.float32(1e-5))

layers = []
data = []
size = 0


def store(t):
    global size
    a = t.detach().to(torch.float64).numpy().astype("<f4")
    at, size = size, size + a.size
    data.append(a.ravel())
    return {"shape": list(a.shape), "at": at}


def layer(kind, name, spec, **tensors):
    """Adds a layer; tensors are stored under their names, but None."""
    stored = {k: store(v) for k, v in tensors.items() if v is not None}
    layers.append({"kind": kind, "name": name, "spec": spec, "tensors": stored})


def randn(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 64).round().clamp(-255, 255) / 64


def leaf(*shape):
    return randn(*shape).requires_grad_()


def backward(y):
    dy = randn(*y.shape)
    y.backward(dy)
    return dy


def grad(x):
    return None if x is None else x.grad


def fifth(t, dims):
    """N C H W as N C 1 H W, and weights alike."""
    return t if t is None or dims == 3 else t.unsqueeze(2)


def three(v, dims, flat):
    v = [v] * dims if isinstance(v, int) else list(v)
    return v if dims == 3 else [flat] + v


def window(dims, k, stride, pad, dilation):
    return {
        "Kernel": three(k, dims, 1), "Stride": three(stride, dims, 1),
        "Pad": three(pad, dims, 0), "Dilation": three(dilation, dims, 1),
    }


def convolutions():
    for name, dims, n, ci, co, k, stride, pad, dilation, bias, space in [
        ("2-D kernel 3", 2, 2, 3, 5, 3, 1, 1, 1, True, (6, 7)),
        ("2-D kernel 5 stride 2", 2, 1, 1, 4, 5, 2, 2, 1, True, (9, 8)),
        ("2-D kernel 3 of 17 to 16", 2, 1, 17, 16, 3, 1, 1, 1, False, (4, 3)),
        ("2-D kernel 2 by 3 dilated", 2, 2, 2, 3, (2, 3), (1, 2), (0, 2), (3, 2), True, (7, 7)),
        ("3-D kernel 3", 3, 2, 4, 5, 3, 1, 1, 1, True, (3, 4, 5)),
        ("3-D kernel 3 stride 2", 3, 1, 5, 3, 3, 2, 1, 1, True, (5, 4, 7)),
        ("3-D kernel 1 no bias", 3, 2, 5, 17, 1, 1, 0, 1, False, (2, 3, 2)),
        ("3-D kernel 2 stride 2", 3, 1, 3, 6, 2, 2, 0, 1, True, (4, 5, 6)),
        ("3-D kernel 3 dilation 2", 3, 1, 2, 2, 3, 1, 2, 2, True, (5, 6, 4)),
        ("3-D kernel 7", 3, 1, 1, 2, 7, 1, 3, 1, True, (4, 3, 8)),
    ]:
        kernel = (k,) * dims if isinstance(k, int) else k
        x, w, b = leaf(n, ci, *space), leaf(co, ci, *kernel), leaf(co) if bias else None
        conv = F.conv2d if dims == 2 else F.conv3d
        y = conv(x, w, b, stride=stride, padding=pad, dilation=dilation)
        dy = backward(y)
        up = lambda t: fifth(t, dims)
        layer("conv", name, window(dims, k, stride, pad, dilation), x=up(x), w=up(w), b=b, y=up(y),
              dy=up(dy), dx=up(x.grad), dw=up(w.grad), db=grad(b))
    for name, dims, n, ci, co, k, stride, pad, extra, space in [
        ("3-D kernel 2 stride 2", 3, 2, 5, 3, 2, 2, 0, 0, (2, 3, 2)),
        ("2-D kernel 3 stride 2", 2, 1, 3, 4, 3, 2, 1, 0, (4, 3)),
        ("2-D kernel 3 stride 2 to twice the size", 2, 1, 3, 2, 3, 2, 1, 1, (4, 3)),
    ]:
        x, w, b = leaf(n, ci, *space), leaf(ci, co, *[k] * dims), leaf(co)
        conv = F.conv_transpose2d if dims == 2 else F.conv_transpose3d
        y = conv(x, w, b, stride=stride, padding=pad, output_padding=extra)
        dy = backward(y)
        up = lambda t: fifth(t, dims)
        layer("transposed", name, window(dims, k, stride, pad, 1), x=up(x), w=up(w), b=b, y=up(y),
              dy=up(dy), dx=up(x.grad), dw=up(w.grad), db=b.grad)


def norms():
    shape = (2, 5, 2, 3, 3)
    for name, affine, residual, slope in [
        ("bare", False, False, 1.0), ("affine", True, False, 1.0),
        ("ReLU", True, False, 0.0), ("residual and LeakyReLU", True, True, 0.125),
    ]:
        x = leaf(*shape)
        gamma, beta = (leaf(5), leaf(5)) if affine else (None, None)
        res = leaf(*shape) if residual else None
        z = F.instance_norm(x, weight=gamma, bias=beta, eps=EPS)
        y = F.leaky_relu(z + res if residual else z, slope)
        dy = backward(y)
        layer("instance", name, {"Eps": EPS, "Slope": slope}, x=x, gamma=gamma, beta=beta, res=res, y=y,
              dy=dy, dx=x.grad, dgamma=grad(gamma), dbeta=grad(beta), dres=grad(res))

    bn = torch.nn.BatchNorm3d(5, eps=EPS, momentum=0.125, dtype=torch.float64)
    with torch.no_grad():
        bn.weight.copy_(randn(5))
        bn.bias.copy_(randn(5))
    running = lambda: torch.stack([bn.running_mean, bn.running_var], 1).clone()
    for name in ["first batch", "second batch", "evaluation"]:
        bn.train(name != "evaluation")
        before = running()
        x = leaf(*shape)
        bn.zero_grad()
        y = F.leaky_relu(bn(x), 0.25)
        dy = backward(y)
        layer("batch", name, {"Eps": EPS, "Slope": 0.25, "Momentum": 0.125, "Frozen": not bn.training},
              x=x, gamma=bn.weight, beta=bn.bias, before=before, after=running(), y=y,
              dy=dy, dx=x.grad, dgamma=bn.weight.grad, dbeta=bn.bias.grad)

    x, gamma, beta = leaf(4, 10), leaf(10), leaf(10)
    y = F.layer_norm(x, (10,), gamma, beta, EPS)
    dy = backward(y)
    layer("layer norm", "of 10", {"Eps": EPS}, x=x, gamma=gamma, beta=beta, y=y,
          dy=dy, dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad)

    w = leaf(4, 27)
    var, mean = torch.var_mean(w, dim=1, keepdim=True)  # unbiased
    y = (w - mean) / torch.sqrt(var + EPS)
    dy = backward(y)
    layer("standardise", "of 27", {"Eps": EPS}, x=w, y=y, dy=dy, dx=w.grad)


def resamplings():
    for name, dims, k, stride, pad, space, x in [
        ("3-D kernel 2", 3, 2, 2, 0, (4, 5, 6), None),
        ("2-D kernel 3 stride 2 padded", 2, 3, 2, 1, (7, 6), None),
        ("3-D overlapping, equal values", 3, 3, 1, 1, (3, 4, 4), torch.randint(-1, 2, (2, 3, 3, 4, 4)).double()),
        ("2-D a NaN", 2, 2, 1, 0, (4, 4), "nan"),
    ]:
        if x is None or isinstance(x, str):
            nan, x = isinstance(x, str), randn(2, 3, *space)
            if nan:
                x[0, 1, 1, 2] = float("nan")
        x = x.requires_grad_()
        pool = F.max_pool2d if dims == 2 else F.max_pool3d
        y, where = pool(x, k, stride, pad, return_indices=True)
        dy = backward(y)
        up = lambda t: fifth(t, dims)
        s = window(dims, k, stride, pad, 1)
        layer("max pool", name, s, x=up(x), y=up(y), tap=taps(up(where), up(x).shape, s), dy=up(dy), dx=up(x.grad))

    x = leaf(2, 5, 2, 3, 4)
    y = F.adaptive_avg_pool3d(x, 1).flatten(1)
    dy = backward(y)
    layer("mean", "3-D", {}, x=x, y=y, dy=dy, dx=x.grad)

    for name, mode, dims, space, factor in [
        ("nearest 3-D", "nearest", 3, (2, 3, 2), (2, 2, 2)), ("nearest 2-D by 3 and 1", "nearest", 2, (3, 4), (3, 1)),
        ("trilinear", "trilinear", 3, (2, 3, 4), (2, 2, 2)), ("bilinear by 3 and 4", "bilinear", 2, (3, 2), (3, 4)),
        ("trilinear by 2, 1 and 5", "trilinear", 3, (1, 2, 3), (2, 1, 5)),
    ]:
        x = leaf(1, 3, *space)
        kw = {} if mode == "nearest" else {"align_corners": False}
        y = F.interpolate(x, size=[s * f for s, f in zip(space, factor)], mode=mode, **kw)
        dy = backward(y)
        up = lambda t: fifth(t, dims)
        layer("upsample", name, {"Linear": mode != "nearest"}, x=up(x), y=up(y), dy=up(dy), dx=up(x.grad))


def taps(where, shape, s):
    """PyTorch's places in the input as those in the window."""
    n, c, d, h, w = np.indices(where.shape)
    where = where.numpy()
    _, _, _, height, width = shape
    k = []
    for axis, (q, p) in enumerate([(d, where // width // height), (h, where // width % height), (w, where % width)]):
        k.append(p - (q * s["Stride"][axis] - s["Pad"][axis]))
    return torch.from_numpy((k[0] * s["Kernel"][1] + k[1]) * s["Kernel"][2] + k[2])


def rows():
    x, w, b = leaf(5, 7), leaf(4, 7), leaf(4)
    y = F.linear(x, w, b)
    dy = backward(y)
    layer("linear", "7 to 4", {}, x=x, w=w, b=b, y=y, dy=dy, dx=x.grad, dw=w.grad, db=b.grad)

    q, k, v = leaf(2, 5, 8), leaf(2, 6, 8), leaf(2, 6, 3)
    y = F.scaled_dot_product_attention(q, k, v, scale=0.25)
    dy = backward(y)
    layer("attention", "of 6", {"Scale": 0.25}, q=q, k=k, v=v, y=y, dy=dy, dq=q.grad, dk=k.grad, dv=v.grad)

    for name, kind, a, f in [
        ("ReLU", 0, 0.0, F.relu), ("LeakyReLU", 0, 0.125, lambda x: F.leaky_relu(x, 0.125)),
        ("sigmoid", 1, 0.0, torch.sigmoid), ("GELU", 2, 0.0, F.gelu),
    ]:
        x = leaf(4, 16)
        with torch.no_grad():
            x[0, :4] = torch.tensor([0.0, -0.0, 3.984375, -3.984375])
        y = f(x)
        dy = backward(y)
        layer("function", name, {"Func": kind, "A": a}, x=x, y=y, dy=dy, dx=x.grad)


def losses():
    x, classes = leaf(6, 10), torch.randint(0, 10, (6,))
    loss = F.cross_entropy(x, classes)
    loss.backward()
    layer("cross-entropy", "mean over classes", {"Scale": float(np.float32(1 / 6))}, x=x, t=F.one_hot(classes, 10),
          loss=F.cross_entropy(x, classes, reduction="none"), dx=x.grad)
    x, t = leaf(6, 4), torch.softmax(randn(6, 4), 1).float().double()
    loss = F.cross_entropy(x, t, reduction="none", label_smoothing=0.0)
    loss.sum().backward()
    layer("cross-entropy", "of mixtures", {"Scale": 1.0}, x=x, t=t, loss=loss, dx=x.grad)

    x, t, coef = leaf(2, 3, 2, 3, 4), torch.randint(0, 2, (2, 3, 2, 3, 4)).double(), randn(2, 3, 3)
    p, over = torch.sigmoid(x), (2, 3, 4)
    bce = F.binary_cross_entropy_with_logits(x, t, reduction="none").sum(over)
    sums = torch.stack([(p * t).sum(over), p.sum(over), t.sum(over), bce], 2)
    (sums[:, :, [0, 1, 3]] * coef).sum().backward()
    layer("regions", "Dice and BCE", {}, x=x, t=t, coef=coef, sums=sums, dx=x.grad)

    for p, f in [(1, F.l1_loss), (2, F.mse_loss)]:
        x, coef = leaf(2, 3, 10), randn(2, 3, 3)
        with torch.no_grad():
            x[0, 0, 0] = x[0, 1, 0]
            coef[0, 1, 2] = 0
        d = torch.stack([torch.stack([torch.stack([f(x[b, j], x[b, i].detach()) for j in range(3)])
                                      for i in range(3)]) for b in range(2)])
        (d * coef).sum().backward()
        layer("distances", f"p = {p}", {"P": p}, x=x.flatten(0, 1), coef=coef, d=torch.where(coef == 0, 0, d),
              dx=x.grad.flatten(0, 1))

    x, mask = leaf(3, 4, 6), torch.tensor([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]]).double()
    m = mask[:, :, None]
    y = torch.where(m != 0, x, (x * m).sum(1, keepdim=True) / m.sum(1, keepdim=True))
    dy = backward(y)
    layer("impute", "missing modalities", {}, x=x.flatten(0, 1), mask=mask, y=y.flatten(0, 1), dy=dy.flatten(0, 1),
          dx=x.grad.flatten(0, 1))


def optimisers():
    """Five steps; every number is exact in float32."""
    steps, n = 5, 7
    for kind, name, make, spec in [
        ("sgd", "plain", lambda p: torch.optim.SGD(p, lr=0.125), {"LR": 0.125}),
        ("sgd", "momentum and decay", lambda p: torch.optim.SGD(p, lr=0.125, momentum=0.875, weight_decay=0.0625),
         {"LR": 0.125, "Momentum": 0.875, "Decay": 0.0625}),
        ("sgd", "Nesterov", lambda p: torch.optim.SGD(p, lr=0.125, momentum=0.875, weight_decay=0.0625, nesterov=True),
         {"LR": 0.125, "Momentum": 0.875, "Decay": 0.0625, "Nesterov": True}),
        ("adam", "Adam", lambda p: torch.optim.Adam(p, lr=0.125, betas=(0.875, 0.96875), eps=2**-20, weight_decay=0.0625),
         {"LR": 0.125, "Beta1": 0.875, "Beta2": 0.96875, "Eps": 2**-20, "Decay": 0.0625}),
        ("adam", "AdamW", lambda p: torch.optim.AdamW(p, lr=0.125, betas=(0.875, 0.96875), eps=2**-20, weight_decay=0.0625),
         {"LR": 0.125, "Beta1": 0.875, "Beta2": 0.96875, "Eps": 2**-20, "Decay": 0.0625, "Decoupled": True}),
    ]:
        p = leaf(n)
        first, g, after = p.detach().clone(), randn(steps, n), []
        opt = make([p])
        for i in range(steps):
            p.grad = g[i].clone()
            opt.step()
            after.append(p.detach().clone())
        layer(kind, name, spec, p=first, g=g, after=torch.stack(after))


def main():
    torch.manual_seed(20261)
    for part in [convolutions, norms, resamplings, rows, losses, optimisers]:
        part()
    OUT.mkdir(exist_ok=True)
    np.concatenate(data).tofile(OUT / "torch.bin")
    with open(OUT / "torch.json", "w") as f:
        f.write('{"madeBy": %s, "layers": [\n' % json.dumps(f"bench/golden_torch.py with torch {torch.__version__}"))
        f.write(",\n".join(json.dumps(each) for each in layers))
        f.write("\n]}\n")


main()
