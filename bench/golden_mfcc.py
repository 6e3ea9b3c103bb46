"""Makes mfcc/testdata/golden_*.json: features of small synthetic signals by the
real librosa and torchaudio, which the Go tests of package mfcc compare with.

    python bench/golden_mfcc.py mfcc/testdata

Needs the packages of bench/requirements.txt. The signals are made of integer
arithmetic alone, so that Go makes the very same ones (mfcc/golden_test.go).
"""

import json
import pathlib
import sys
import warnings

import librosa
import numpy as np
import scipy
import scipy.fft
import scipy.signal
import torch

# A torch and a torchaudio that were built for different CUDA releases refuse to
# be imported together, although neither is used for CUDA here.
torch.version.cuda = None
import torchaudio  # noqa: E402
import torchaudio.compliance.kaldi  # noqa: E402


def lcg(n, seed):
    """n int16 of the high bits of a linear congruential generator."""
    out = []
    for _ in range(n):
        seed = (seed * 1664525 + 1013904223) % 2**32
        out.append(((seed >> 16) ^ 0x8000) - 0x8000)
    return out


def tones(n):
    """Two fixed-point oscillators, y[t] = 2 cos(w) y[t-1] - y[t-2], one at 1/16
    of full scale and one at 1/128, the second from the middle on."""
    out = [0] * n
    for c, amplitude, start in ((31164, 2048, 0), (13107, 256, n // 2)):
        a, b = 0, amplitude
        for t in range(start, n):
            out[t] += a
            a, b = b, ((c * b) >> 14) - a
    return out


def tone(n, seed):
    """A tone just below full scale, of a frequency that the seed draws: the same
    oscillator with 30 bits of cosine, rounded down to int16."""
    c = (seed * 2654435761 % 2**32 >> 1) - 2**30
    a = 32000 << 15
    b, out = a * c >> 30, []
    for _ in range(n):
        out.append(a >> 15)
        a, b = b, (c * b >> 29) - a
    return out


def signal(kind, n, seed):
    if kind == "silence":
        v = [0] * n
    elif kind == "noise":
        v = lcg(n, seed)
    elif kind == "faint":  # powers round librosa's amin
        v = [x >> 14 for x in lcg(n, seed)]
    elif kind == "tones":
        v = tones(n)
    elif kind == "whistle":  # one tone near full scale and near half of the rate
        a, b, v = 0, 1000, []
        for _ in range(n):
            v.append(a)
            a, b = b, ((-32742 * b) >> 14) - a
    elif kind == "tone":
        v = tone(n, seed)
    elif kind == "hiss":  # the tone, and a noise of two bits
        v = [t + (x >> 14) for t, x in zip(tone(n, seed), lcg(n, seed))]
    elif kind == "square":
        v = [20000 if t >= 0 else -20000 for t in tone(n, seed)]
    elif kind == "speech":  # tones, and a noise that swells and ebbs
        w = lcg(n, seed)
        v = [t * 4 + ((x * min(i, n - i)) >> 3) // n for i, (t, x) in enumerate(zip(tones(n), w))]
    else:
        raise ValueError(kind)
    assert max(map(abs, v), default=0) < 2**15
    return np.array(v, dtype=np.float32) / np.float32(32768)


def by_librosa(y, c):
    pad = c.get("Padding", "constant")
    n_fft = c.get("FFT", 2048)
    return librosa.feature.mfcc(
        y=y, sr=c.get("RateHz", 22050), n_mfcc=c.get("Coefs", 20), n_fft=n_fft,
        win_length=c.get("Window", n_fft), hop_length=c.get("Hop", 512), n_mels=c.get("Mels", 128),
        fmin=c.get("LowHz", 0.0), fmax=c.get("HighHz"), center=pad != "none",
        pad_mode="constant" if pad == "none" else pad)


def by_torchaudio(y, c):
    m = torchaudio.transforms.MFCC(
        c["RateHz"], n_mfcc=20,
        melkwargs=dict(n_fft=2048, hop_length=512, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"))
    return m(torch.from_numpy(y)).numpy()


def by_smil(y, c):
    """SMIL's src/utils/wav2mfcc.py in words: every third sample, 8000 claimed,
    padded to 20 columns. Its librosa was 0.7, which padded by reflection."""
    pad = "reflect" if c["Name"] == "smil" else "constant"
    v = librosa.feature.mfcc(y=np.ascontiguousarray(y[::3]), sr=8000, n_mfcc=20, pad_mode=pad)[:, :20]
    return np.pad(v, ((0, 0), (0, 20 - v.shape[1])))


def by_numpy_dense(y, c):
    y = np.pad(y.astype(np.float64), (0, max(0, 512 - len(y))))
    y = y / max(np.abs(y).max(), 1e-300)
    last = len(y) - 512
    starts = [(2 * f * last + 19) // 38 for f in range(20)]
    frames = np.stack([y[s:s + 512] for s in starts]) * scipy.signal.get_window("hann", 512)
    power = np.abs(np.fft.rfft(frames)) ** 2
    mel = librosa.filters.mel(sr=8000, n_fft=512, n_mels=40, fmin=50, fmax=4000, htk=True, norm=None, dtype=np.float64)
    return scipy.fft.dct(np.log(power @ mel.T + 1e-4), type=2, norm="ortho")[:, :20].T


def by_kaldi(y, c):
    rate = c.get("RateHz", 16000)
    return torchaudio.compliance.kaldi.mfcc(
        torch.from_numpy(y)[None] * 32768, sample_frequency=float(rate), dither=0.0, use_energy=True, energy_floor=0.0,
        num_mel_bins=c.get("Mels", 23), num_ceps=c.get("Coefs", 13), low_freq=c.get("LowHz", 20.0),
        high_freq=c.get("HighHz", 0.0)).numpy().T


SMALL = {"FFT": 256, "Hop": 64, "Mels": 40, "Coefs": 13}

CASES = {
    "librosa": (by_librosa, [
        ("defaults", "speech", 6000, {}),
        ("8 kHz noise", "noise", 3000, {"RateHz": 8000}),
        ("8 kHz tones", "tones", 4000, {"RateHz": 8000}),
        ("speech of 17 frames", "speech", 8200, {"RateHz": 8000}),
        ("small transform, reflect", "speech", 1500, {"RateHz": 8000, "FFT": 512, "Hop": 128, "Mels": 40, "Coefs": 13, "Padding": "reflect"}),
        ("window shorter than FFT", "speech", 1500, {"RateHz": 16000, "FFT": 512, "Window": 400, "Hop": 160, "Mels": 64}),
        ("odd window", "noise", 1500, {"RateHz": 16000, "FFT": 512, "Window": 401, "Hop": 333, "Mels": 41, "Coefs": 17}),
        ("band edges", "speech", 3000, {"RateHz": 8000, "LowHz": 50.0, "HighHz": 3500.0}),
        ("not centred", "speech", 4000, {"RateHz": 8000, "Padding": "none"}),
        ("bounces more than once", "noise", 300, {"RateHz": 8000, "Padding": "reflect"}),
        ("two samples, reflect", "noise", 2, {"RateHz": 8000, "Padding": "reflect"}),
        ("one sample", "noise", 1, {"RateHz": 8000}),
        ("round amin", "faint", 2000, {"RateHz": 8000}),
        ("silence", "silence", 1000, {"RateHz": 8000}),
    ]),
    "whistle": (by_librosa, [
        ("long transform", "whistle", 5000, {"RateHz": 16000}),
        ("short transform", "whistle", 1200, {"RateHz": 16000, "FFT": 512, "Hop": 160, "Mels": 64, "Padding": "reflect"}),
        # Three of the worst of 900 drawn tones for a transform in float32, which
        # is 2e-3 to 4e-3 off there, and one of other sizes each.
        ("drawn tone", "tone", 500, SMALL, 52002),
        ("drawn tone with hiss", "hiss", 500, SMALL, 96265),
        ("drawn tone, 512 points", "tone", 1200, {"RateHz": 16000, "FFT": 512, "Hop": 160, "Mels": 40, "Coefs": 13}, 98039),
        ("drawn tone, not centred", "tone", 1000, {"RateHz": 8000, "FFT": 256, "Hop": 160, "Mels": 20, "Padding": "none"}, 36788),
        ("drawn tone, defaults", "tone", 3000, {}, 42191),
        ("square", "square", 1500, {"RateHz": 16000, "FFT": 1024, "Hop": 333, "Padding": "reflect"}, 1),
    ]),
    "torchaudio": (by_torchaudio, [
        ("librosa's definition", "speech", 4000, {"RateHz": 8000}),
        ("noise", "noise", 3000, {"RateHz": 16000}),
    ]),
    "smil": (by_smil, [
        ("reflect", "speech", 3500, {"Name": "smil"}),
        ("zeros", "speech", 3500, {"Name": "smil-constant"}),
        ("bounces more than once", "speech", 1148, {"Name": "smil"}),
        ("more than 20 frames", "speech", 33000, {"Name": "smil"}),
    ]),
    "dense20": (by_numpy_dense, [
        ("speech", "speech", 3500, {}),
        ("long", "speech", 18000, {}),
        ("shorter than a frame", "noise", 300, {}),
        ("silence", "silence", 2000, {}),
    ]),
    "kaldi": (by_kaldi, [
        ("defaults", "speech", 4000, {}),
        ("noise", "noise", 1700, {}),
        ("8 kHz", "speech", 1500, {"RateHz": 8000}),
        ("40 bands", "speech", 2000, {"Mels": 40, "Coefs": 20, "HighHz": 7600.0}),
        ("silence", "silence", 800, {}),
    ]),
}


def main(folder):
    warnings.simplefilter("ignore")  # librosa warns of signals shorter than a frame
    torch.set_num_threads(1)
    versions = {m.__name__: m.__version__ for m in (librosa, torchaudio, torch, np, scipy)}
    for name, (func, cases) in CASES.items():
        rows = []
        for number, (title, kind, n, config, *drawn) in enumerate(cases, 1):
            seed = drawn[0] if drawn else number
            config = {"Name": {"torchaudio": "librosa", "whistle": "librosa"}.get(name, name), **config}
            v = np.asarray(func(signal(kind, n, seed), config), dtype=np.float64)
            assert np.isfinite(v).all(), title
            rows.append({
                "Title": title, "Signal": kind, "Samples": n, "Seed": seed, "Config": config,
                "Coefs": v.shape[0], "Frames": v.shape[1], "Values": [round(x, 5) for x in v.ravel().tolist()]})
        head = {"MadeBy": "bench/golden_mfcc.py", "Versions": versions}
        lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows)
        text = json.dumps(head)[:-1] + ', "Cases": [\n' + lines + "\n]}\n"
        pathlib.Path(folder, f"golden_{name}.json").write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
