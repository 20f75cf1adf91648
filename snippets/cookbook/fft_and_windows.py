# --8<-- [start:bin_frequencies]
import torch

rate, n = 8, 8  # samples per second, samples
t = torch.arange(n, dtype=torch.float64) / rate
frequency = torch.fft.fftfreq(n, d=1 / rate)
print("bins stand for", frequency.tolist(), "Hz")
for hertz in (1, 3, -3):
    k = torch.fft.fft(torch.exp(2j * torch.pi * hertz * t)).abs().argmax().item()
    print(f"{hertz:2} Hz is found in bin {k}")
    assert frequency[k] == hertz
# --8<-- [end:bin_frequencies]

# --8<-- [start:transform_by_hand]
k = torch.arange(6, dtype=torch.float64)
waves = torch.exp(-2j * torch.pi * torch.outer(k, k) / 6)  # row k: the wave of bin k
x = torch.tensor([1.0, 4.0, 2.0, 0.0, -1.0, 3.0], dtype=torch.float64)
spectrum = torch.fft.fft(x)
print(f"bin 1: {spectrum[1].item():.4f}  bin 5: {spectrum[5].item():.4f}")
assert torch.allclose(spectrum, waves @ x.to(waves.dtype))
assert torch.allclose(torch.fft.ifft(spectrum), waves.conj() @ spectrum / 6)
# --8<-- [end:transform_by_hand]

# --8<-- [start:loudest_tone]
rate = 1000
t = torch.arange(2000, dtype=torch.float64) / rate
g = torch.Generator().manual_seed(0)
noise = torch.randn(2000, generator=g, dtype=torch.float64)
sound = 0.5 * torch.sin(2 * torch.pi * 60 * t) + torch.cos(2 * torch.pi * 125.5 * t)
spectrum = torch.fft.rfft(sound + noise)
frequency = torch.fft.rfftfreq(2000, d=1 / rate)
loudest = frequency[spectrum.abs().argmax()].item()
print(loudest, "Hz, steps of", frequency[1].item(), "Hz, up to", frequency[-1].item())
assert loudest == 125.5
# --8<-- [end:loudest_tone]

# --8<-- [start:amplitude_of_a_tone]
tones = {60.0: 0.5, 125.5: 1.0}  # Hz: amplitude in the sound
amplitude = 2 * torch.fft.rfft(sound).abs() / len(sound)
for hertz, true in tones.items():
    read = amplitude[round(hertz / frequency[1].item())].item()
    print(f"{hertz} Hz: {read:.3f}")
    assert abs(read - true) < 1e-9
# --8<-- [end:amplitude_of_a_tone]

# --8<-- [start:between_two_bins]
t = torch.arange(64, dtype=torch.float64) / 64  # one second: bins of 1 Hz
tone = torch.sin(2 * torch.pi * 10.3 * t)
plain = torch.fft.rfft(tone)
padded = torch.fft.rfft(tone, n=64 * 16)  # zeros at the end
step = torch.fft.rfftfreq(64 * 16, d=1 / 64)[1].item()
print("bins of 1 Hz:   ", plain.abs().argmax().item())
print("bins of 1/16 Hz:", padded.abs().argmax().item() * step)
assert torch.allclose(padded[::16], plain)
# --8<-- [end:between_two_bins]

# --8<-- [start:zero_in_the_middle]
even, odd = torch.fft.fftfreq(6, d=1 / 6), torch.fft.fftfreq(5, d=1 / 5)
print(even.tolist(), "->", torch.fft.fftshift(even).tolist())
print(odd.tolist(), "->", torch.fft.fftshift(odd).tolist())
back = torch.fft.ifftshift(torch.fft.fftshift(odd))
twice = torch.fft.fftshift(torch.fft.fftshift(odd))
assert torch.equal(back, odd) and not torch.equal(twice, odd)
# --8<-- [end:zero_in_the_middle]

# --8<-- [start:half_is_enough]
x = torch.tensor([2.0, -1.0, 3.0, 5.0, 0.0, 2.0], dtype=torch.float64)
half, full = torch.fft.rfft(x), torch.fft.fft(x)
print("rfft:", half.shape, " fft:", full.shape)
mirrored = half[1:-1].flip(0).conj()  # bins 4 and 5 from bins 2 and 1
assert torch.allclose(torch.cat([half, mirrored]), full)
print(f"bin 0: {half[0].real:.1f}  last bin: {half[-1].real:.1f}")
assert torch.isclose(half[0].real, x.sum())
# --8<-- [end:half_is_enough]

# --8<-- [start:odd_length]
x = torch.tensor([2.0, -1.0, 3.0, 5.0, 4.0], dtype=torch.float64)
half = torch.fft.rfft(x)
wrong, right = torch.fft.irfft(half), torch.fft.irfft(half, n=5)
print("without n:", [f"{v:.2f}" for v in wrong.tolist()])
print("with n=5: ", [f"{v:.2f}" for v in right.tolist()])
assert len(wrong) == 4 and torch.allclose(right, x)
# --8<-- [end:odd_length]

# --8<-- [start:normalisation_modes]
x = torch.tensor([3.0, 0.0, 4.0, 1.0], dtype=torch.float64)
for norm in ("backward", "ortho", "forward"):
    spectrum = torch.fft.fft(x, norm=norm)
    energy = spectrum.abs().square().sum().item()
    print(f"{norm:8}  bin 0 {spectrum[0].real:.1f}  energy {energy:.1f}")
    assert torch.allclose(torch.fft.ifft(spectrum, norm=norm).real, x)
print("energy of the signal:", x.square().sum().item())
# --8<-- [end:normalisation_modes]

# --8<-- [start:dtypes]
for dtype in (torch.int64, torch.float32, torch.float64):
    ramp = torch.arange(6, device="cpu").to(dtype)
    spectrum = torch.fft.fft(ramp)
    print(dtype, "->", spectrum.dtype, "bin 3:", round(spectrum[3].real.item()))
try:
    torch.fft.fft(torch.ones(6, dtype=torch.bfloat16, device="cpu"))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])
try:
    torch.fft.rfft(torch.ones(6, dtype=torch.complex64, device="cpu"))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])
# --8<-- [end:dtypes]

# --8<-- [start:which_dimension]
t = torch.arange(16, dtype=torch.float64) / 16
channels = torch.stack([torch.sin(2 * torch.pi * f * t) for f in (2, 5, 7)], dim=1)
right = torch.fft.rfft(channels, dim=0)  # (16, 3) -> (9, 3)
wrong = torch.fft.rfft(channels)  # along the 3 channels: (16, 2)
print(tuple(right.shape), "peaks", right.abs().argmax(dim=0).tolist())
print(tuple(wrong.shape))
assert torch.allclose(right[:, 1], torch.fft.rfft(channels[:, 1]))
# --8<-- [end:which_dimension]

# --8<-- [start:remove_hum]
t = torch.arange(1000, dtype=torch.float64) / 1000
song = torch.sin(2 * torch.pi * 7 * t) + 0.3 * torch.cos(2 * torch.pi * 130 * t)
recorded = song + 2 * torch.sin(2 * torch.pi * 50 * t + 1)
spectrum = torch.fft.rfft(recorded)
frequency = torch.fft.rfftfreq(1000, d=1 / 1000)
spectrum[(frequency - 50).abs() < 1.5] = 0
clean = torch.fft.irfft(spectrum, n=1000)
print(f"sample 10: {recorded[10]:.3f} -> {clean[10]:.3f}, song {song[10]:.3f}")
assert torch.allclose(clean, song)
# --8<-- [end:remove_hum]

# --8<-- [start:convolve]
import numpy as np

x = torch.arange(1.0, 7.0, dtype=torch.float64)
kernel = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)
n = len(x) + len(kernel) - 1
full = torch.fft.irfft(torch.fft.rfft(x, n) * torch.fft.rfft(kernel, n), n)
short = torch.fft.irfft(torch.fft.rfft(x, 6) * torch.fft.rfft(kernel, 6), 6)
print("padded:    ", full.round(decimals=6).tolist())
print("not padded:", short.round(decimals=6).tolist())
expected = np.convolve(x.numpy(), kernel.numpy())
assert np.allclose(full.numpy(), expected)
# --8<-- [end:convolve]

# --8<-- [start:delay_of_an_echo]
g = torch.Generator().manual_seed(1)
sent = torch.randn(200, generator=g, dtype=torch.float64)
received = 0.3 * torch.randn(300, generator=g, dtype=torch.float64)
received[37:237] += sent
product = torch.fft.rfft(received, 512) * torch.fft.rfft(sent, 512).conj()
likeness = torch.fft.irfft(product, 512)
print("arrives after", likeness.argmax().item(), "samples")
by_hand = (received[37:237] * sent).sum()
assert likeness.argmax() == 37 and torch.isclose(likeness[37], by_hand)
# --8<-- [end:delay_of_an_echo]

# --8<-- [start:shift_by_a_fraction]
turns = torch.arange(32, dtype=torch.float64) / 32 * 2 * torch.pi
wave = torch.sin(3 * turns) + 0.5 * torch.cos(7 * turns)
delay = 0.25  # of a sample
turn = torch.exp(-2j * torch.pi * torch.fft.rfftfreq(32, dtype=torch.float64) * delay)
late = torch.fft.irfft(torch.fft.rfft(wave) * turn, 32)
turns = turns - delay / 32 * 2 * torch.pi
exact = torch.sin(3 * turns) + 0.5 * torch.cos(7 * turns)
print("sample 1:", f"{wave[1]:.4f} -> {late[1]:.4f}")
assert torch.allclose(late, exact)
# --8<-- [end:shift_by_a_fraction]

# --8<-- [start:resample]
turns = torch.arange(48, dtype=torch.float64) / 48 * 2 * torch.pi
exact = torch.sin(turns) + torch.cos(4 * turns)
coarse = exact[::4]  # 12 samples
fine = torch.fft.irfft(torch.fft.rfft(coarse), n=48) * (48 / 12)
print([f"{v:.3f}" for v in fine[:4].tolist()])
assert torch.allclose(fine, exact)
# --8<-- [end:resample]

# --8<-- [start:derivative]
t = torch.arange(40, dtype=torch.float64) / 40 * 2 * torch.pi
f = torch.exp(torch.sin(t))
k = torch.fft.rfftfreq(40, d=1 / 40, dtype=torch.float64)  # whole waves around
slope = torch.fft.irfft(1j * k * torch.fft.rfft(f), 40)
differences = (f.roll(-1) - f.roll(1)) / (2 * t[1])
exact = torch.cos(t) * f
print(f"error of differences {(differences - exact).abs().max():.3f}")
assert torch.allclose(slope, exact, rtol=0, atol=1e-10)
# --8<-- [end:derivative]

# --8<-- [start:envelope]
t = torch.arange(400, dtype=torch.float64) / 400
loudness = 1 + 0.5 * torch.cos(2 * torch.pi * 3 * t)
radio = loudness * torch.cos(2 * torch.pi * 60 * t)
spectrum = torch.fft.fft(radio)
spectrum[1:200] *= 2  # positive frequencies
spectrum[201:] = 0  # negative ones
analytic = torch.fft.ifft(spectrum)
print("radio:   ", [f"{v:.2f}" for v in radio[60:64].tolist()])
print("envelope:", [f"{v:.2f}" for v in analytic.abs()[60:64].tolist()])
assert torch.allclose(analytic.abs(), loudness) and torch.allclose(analytic.real, radio)
# --8<-- [end:envelope]


# --8<-- [start:cosine_transform]
def dct(x):
    """Cosine transform of type 2, along the last dimension."""
    n = x.shape[-1]
    both = torch.cat([x, x.flip(-1)], dim=-1)  # even, so that no step is at the end
    k = torch.arange(n, dtype=x.dtype)
    return (torch.fft.fft(both)[..., :n] * torch.exp(-0.5j * torch.pi * k / n)).real / 2


x = torch.tensor([1.0, 2.0, 3.0, 4.0, 6.0, 5.0], dtype=torch.float64)
k = torch.arange(6, dtype=torch.float64)
cosines = torch.cos(torch.pi / 6 * torch.outer(k, k + 0.5))
print([f"{v:.3f}" for v in dct(x).tolist()])
assert torch.allclose(dct(x), cosines @ x)
# --8<-- [end:cosine_transform]

# --8<-- [start:loss_on_a_spectrum]
x = torch.tensor([0.5, -1.0, 2.0, 1.5, 0.3, 1.0], dtype=torch.float64)
x.requires_grad_()
before = torch.fft.rfft(x)
high = before[2:].abs().square().sum()  # what a smooth signal has little of
high.backward()
print("gradient:", [f"{v:.2f}" for v in x.grad.tolist()])
after = torch.fft.rfft(x.detach() - 0.05 * x.grad)
print(f"{high:.2f} -> {after[2:].abs().square().sum():.2f}")
assert torch.allclose(after[:2], before[:2])
assert (after[2:].abs() < before[2:].abs()).all()
# --8<-- [end:loss_on_a_spectrum]

# --8<-- [start:power_from_autocorrelation]
g = torch.Generator().manual_seed(2)
x = torch.randn(8, generator=g, dtype=torch.float64)
lags = torch.stack([(x * x.roll(-lag)).sum() for lag in range(5)])  # 0 to 4
power = torch.fft.hfft(lags, n=8)  # real: lags 5 to 7 mirror 3 to 1
print(power.dtype, [f"{v:.3f}" for v in power[:5].tolist()])
assert torch.allclose(power, torch.fft.fft(x).abs().square())
back = torch.fft.ihfft(power)
print(back.dtype, tuple(back.shape))
assert torch.allclose(back.real, lags)
# --8<-- [end:power_from_autocorrelation]

# --8<-- [start:period_of_a_texture]
y, x = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
tile = ((x % 8 < 3) & (y % 6 < 2)).double()  # bricks, 8 apart and 6 apart
power = torch.fft.fft2(tile - tile.mean()).abs().square()
likeness = torch.fft.ihfft2(power).real  # (24, 17): shifts to the right up to 16
print("along x:", [round(v, 1) for v in likeness[0, :9].tolist()])
print("along y:", [round(v, 1) for v in likeness[:7, 0].tolist()])
assert torch.isclose(likeness[6, 8], likeness[0, 0])
assert torch.allclose(torch.fft.hfft2(likeness, s=(24, 32)), power, atol=1e-6)
# --8<-- [end:period_of_a_texture]

# --8<-- [start:kernel_of_a_filter]
k = torch.fft.fftfreq(12, d=1 / 12, dtype=torch.float64)
kz, ky, kx = torch.meshgrid(k, k, k, indexing="ij")
response = torch.exp(-(kx**2 + ky**2 + kz**2) / 8)  # of a blur, real and even
kernel = torch.fft.ihfftn(response)  # (12, 12, 7)
print(tuple(kernel.shape), [f"{v.real:.5f}" for v in kernel[0, 0, :4].tolist()])
assert torch.allclose(torch.fft.ifftn(response)[..., :7], kernel)
again = torch.fft.hfftn(kernel, s=(12, 12, 12))
assert torch.allclose(again, response)
# --8<-- [end:kernel_of_a_filter]

# --8<-- [start:spectrum_of_a_picture]
import matplotlib.pyplot as plt

y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
picture = torch.cos(2 * torch.pi * (6 * x + 3 * y) / 48 + 0.2)
spectrum = torch.fft.fftshift(torch.fft.fft2(picture)).abs()
frequency = torch.fft.fftshift(torch.fft.fftfreq(48, d=1 / 48))
rows, columns = (spectrum > 1).nonzero(as_tuple=True)
print("waves down:  ", frequency[rows].tolist())
print("waves across:", frequency[columns].tolist())
fig, (left, right) = plt.subplots(1, 2, figsize=(6, 2.8), layout="constrained")
left.contourf(picture, levels=[-1.1, 0, 1.1], colors=["#2f6fdb", "#e4572e"])
left.set(title="picture", xlabel="column", ylabel="row", aspect="equal")
right.scatter(frequency[columns], frequency[rows], color="#2a9d8f")
right.set(title="spectrum", xlabel="waves across", ylabel="waves down")
right.set(xlim=(-24, 24), ylim=(-24, 24), aspect="equal")
plt.show()
# --8<-- [end:spectrum_of_a_picture]

# --8<-- [start:remove_stripes]
y, x = torch.meshgrid(torch.arange(32.0), torch.arange(30.0), indexing="ij")
scene = torch.exp(-((x - 14) ** 2 + (y - 16) ** 2) / 40).double()
striped = scene + 0.4 * torch.sin(2 * torch.pi * 8 * y / 32)
spectrum = torch.fft.rfft2(striped)  # (32, 16)
print("strongest from row 6 on:", spectrum[6:17, 0].abs().argmax().item() + 6)
spectrum[[8, -8], 0] = 0  # eight waves down, none across
clean = torch.fft.irfft2(spectrum, s=(32, 30))
print(f"{striped[17, 14]:.3f} -> {clean[17, 14]:.3f}, was {scene[17, 14]:.3f}")
assert torch.allclose(clean, scene, atol=1e-4)
# --8<-- [end:remove_stripes]

# --8<-- [start:register_two_pictures]
g = torch.Generator().manual_seed(3)
before = torch.rand(40, 50, generator=g, dtype=torch.float64)
after = before.roll((7, -12), dims=(0, 1))
cross = torch.fft.fft2(after) * torch.fft.fft2(before).conj()
peak = torch.fft.ifft2(cross / cross.abs()).real
row, column = divmod(peak.argmax().item(), 50)
print("down", row, "right", column, "or", column - 50, f" peak {peak.max():.3f}")
assert (row, column - 50) == (7, -12) and torch.isclose(peak.max(), peak.sum())
# --8<-- [end:register_two_pictures]

# --8<-- [start:wave_packet]
x = torch.arange(64, dtype=torch.float64) - 32
k = 2 * torch.pi * torch.fft.fftfreq(64, dtype=torch.float64)
bump = torch.exp(-(x[:, None] ** 2 + x[None] ** 2) / 50)
start = bump * torch.exp(1j * k[8] * x[None])  # moves along the second dimension
phase = torch.exp(-0.5j * 12 * (k[:, None] ** 2 + k[None] ** 2))  # 12 units of time
end = torch.fft.ifftn(phase * torch.fft.fftn(start))
weight = end.abs().square() / end.abs().square().sum()
print(f"centre {(weight.sum(0) * x).sum():.3f}, speed x time {12 * k[8]:.3f}")
assert torch.isclose((weight.sum(0) * x).sum(), 12 * k[8], atol=1e-3)
assert torch.isclose(end.abs().square().sum(), start.abs().square().sum())
# --8<-- [end:wave_packet]

# --8<-- [start:poisson]
n = 16
t = torch.arange(n, dtype=torch.float64) / n * 2 * torch.pi
z, y, x = torch.meshgrid(t, t, t, indexing="ij")
known = torch.sin(x) * torch.cos(2 * y) + torch.sin(3 * z)
charge = -5 * torch.sin(x) * torch.cos(2 * y) - 9 * torch.sin(3 * z)  # its Laplacian
k2 = torch.fft.fftfreq(n, d=1 / n, dtype=torch.float64) ** 2
squares = k2[:, None, None] + k2[:, None] + k2[: n // 2 + 1]  # (16, 16, 9)
squares[0, 0, 0] = 1.0  # the mean is free: 0 / 1
solved = torch.fft.irfftn(-torch.fft.rfftn(charge) / squares, s=(n, n, n))
print(tuple(squares.shape), f"{solved[1, 2, 3]:.4f}", f"{known[1, 2, 3]:.4f}")
assert torch.allclose(solved, known)
# --8<-- [end:poisson]

# --8<-- [start:leakage]
t = torch.arange(128, dtype=torch.float64) / 128
window = torch.hann_window(128, dtype=torch.float64)
whole = torch.fft.rfft(torch.sin(2 * torch.pi * 20 * t)).abs()
tone = torch.sin(2 * torch.pi * 20.5 * t)  # ends in the middle of a wave
plain, hann = torch.fft.rfft(tone).abs(), torch.fft.rfft(tone * window).abs()
print(f"20.5 Hz, seen at 40 Hz: {plain[40] / plain.max():.1e} of the peak")
print(f"with a Hann window:     {hann[40] / hann.max():.1e}")
assert whole[40] / whole.max() < 1e-9 < hann[40] / hann.max()
assert hann[40] / hann.max() < plain[40] / plain.max() / 100
# --8<-- [end:leakage]

# --8<-- [start:periodic_or_symmetric]
from torch.signal import windows

old = torch.hann_window(8, dtype=torch.float64)
new = windows.hann(8, dtype=torch.float64)
print("hann_window: ", [f"{v:.3f}" for v in old.tolist()])
print("windows.hann:", [f"{v:.3f}" for v in new.tolist()])
assert torch.allclose(old, windows.hann(8, sym=False, dtype=torch.float64))
assert torch.allclose(old, windows.hann(9, dtype=torch.float64)[:-1])
assert torch.allclose(new, torch.hann_window(8, periodic=False, dtype=torch.float64))
# --8<-- [end:periodic_or_symmetric]

# --8<-- [start:crossfade]
fade = torch.bartlett_window(8, dtype=torch.float64)  # up for 4 samples, down for 4
first, second = torch.full((12,), 2.0).double(), torch.full((12,), 6.0).double()
overlap = first[-4:] * fade[4:] + second[:4] * fade[:4]
joined = torch.cat([first[:-4], overlap, second[4:]])
print(joined[6:14].tolist())
assert torch.allclose(fade[:4] + fade[4:], torch.ones(4, dtype=torch.float64))
assert torch.allclose(overlap, torch.tensor([2.0, 3.0, 4.0, 5.0]).double())
# --8<-- [end:crossfade]

# --8<-- [start:overlapping_pieces]
hann = windows.hann(8, sym=False, dtype=torch.float64)
hamming = torch.hamming_window(8, dtype=torch.float64)
symmetric = torch.hamming_window(8, periodic=False, dtype=torch.float64)
for name, w in (("hann", hann), ("hamming", hamming), ("symmetric", symmetric)):
    total = w[:4] + w[4:]  # each sample lies in two pieces
    print(f"{name:9}", [f"{v:.3f}" for v in total.tolist()])
ones = torch.ones(4, dtype=torch.float64)
assert torch.allclose(hann[:4] + hann[4:], ones)
assert torch.allclose(hamming[:4] + hamming[4:], 1.08 * ones)
# --8<-- [end:overlapping_pieces]

# --8<-- [start:analyse_and_synthesise]
sine = windows.cosine(8, dtype=torch.float64)
print([f"{v:.3f}" for v in sine.tolist()])
x = torch.arange(12, dtype=torch.float64)
rebuilt = torch.zeros(12, dtype=torch.float64)
for start in (0, 4):  # window the piece, change it, window it again, add it
    rebuilt[start : start + 8] += sine * (sine * x[start : start + 8])
print("samples in two pieces:", [f"{v:.3f}" for v in rebuilt[4:8].tolist()])
assert torch.allclose(rebuilt[4:8], x[4:8])
# --8<-- [end:analyse_and_synthesise]

# --8<-- [start:low_pass_by_window]
k = torch.arange(-30, 31, dtype=torch.float64)
ideal = 0.2 * torch.sinc(0.2 * k)  # passes up to 0.1 waves per sample
window = torch.blackman_window(61, periodic=False, dtype=torch.float64)
for name, taps in (("cut off", ideal), ("Blackman", ideal * window)):
    response = torch.fft.rfft(taps, n=1000).abs() / taps.sum()
    passed, stopped = response[50], response[160:].max()
    print(f"{name:8}  at 0.05: {passed:.3f}  beyond 0.16: {stopped:.1e}")
assert stopped < 2e-4 and (passed - 1).abs() < 1e-3
# --8<-- [end:low_pass_by_window]

# --8<-- [start:attenuation_by_kaiser]
decibels = 60  # wanted beyond the transition
beta = 0.1102 * (decibels - 8.7)
window = torch.kaiser_window(61, periodic=False, beta=beta, dtype=torch.float64)
k = torch.arange(-30, 31, dtype=torch.float64)
taps = 0.2 * torch.sinc(0.2 * k) * window
response = torch.fft.rfft(taps, n=1000).abs() / taps.sum()
reached = -20 * torch.log10(response[132:].max()).item()
print(f"beta {beta:.3f}: {reached:.1f} dB beyond 0.132")
inside = torch.special.i0(beta * (1 - (k / 30) ** 2).clamp_min(0).sqrt())
assert torch.allclose(window, inside / inside[30])
same = windows.kaiser(61, beta=beta, dtype=torch.float64)
assert torch.allclose(window[1:-1], same[1:-1])
assert 58 < reached < 65
# --8<-- [end:attenuation_by_kaiser]

# --8<-- [start:weak_beside_strong]
t = torch.arange(256, dtype=torch.float64) / 256
pair = torch.sin(2 * torch.pi * 40.5 * t) + 3e-5 * torch.sin(2 * torch.pi * 52 * t)
hann = windows.hann(256, sym=False, dtype=torch.float64)
nuttall = windows.nuttall(256, sym=False, dtype=torch.float64)
for name, w in (("Hann", hann), ("Nuttall", nuttall)):
    level = torch.fft.rfft(pair * w).abs()[48:57]
    print(f"{name:7} strongest from 48 to 56 Hz: {48 + level.argmax().item()} Hz")
assert level.argmax() == 52 - 48
# --8<-- [end:weak_beside_strong]

# --8<-- [start:amplitude_between_bins]
terms = [0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368]
flat = windows.general_cosine(64, a=terms, sym=False, dtype=torch.float64)
hann = windows.hann(64, sym=False, dtype=torch.float64)
t = torch.arange(64, dtype=torch.float64) / 64
for hertz in (10.0, 10.25, 10.5):
    tone = 3 * torch.sin(2 * torch.pi * hertz * t)
    by_hann = 2 * torch.fft.rfft(tone * hann).abs().max() / hann.sum()
    by_flat = 2 * torch.fft.rfft(tone * flat).abs().max() / flat.sum()
    print(f"{hertz:5} Hz  Hann {by_hann:.3f}  flat top {by_flat:.3f}")
    assert abs(by_flat - 3) < 0.004
# --8<-- [end:amplitude_between_bins]


# --8<-- [start:best_raised_cosine]
def sidelobe(w):
    """How far the highest side lobe is below the peak, in decibels."""
    level = torch.fft.rfft(w, n=64 * len(w)).abs()
    valley = (level.diff() > 0).nonzero()[0, 0]
    return 20 * torch.log10(level[0] / level[valley:].max()).item()


for alpha in (0.5, 0.54, 0.6):
    w = windows.general_hamming(64, alpha=alpha, sym=False, dtype=torch.float64)
    print(f"alpha {alpha}: {sidelobe(w):.1f} dB")
hamming = windows.hamming(64, sym=False, dtype=torch.float64)
w = windows.general_hamming(64, alpha=0.54, sym=False, dtype=torch.float64)
assert torch.allclose(w, hamming) and 42 < sidelobe(hamming) < 44
# --8<-- [end:best_raised_cosine]

# --8<-- [start:triangle_smoothing]
triangle = windows.bartlett(7, dtype=torch.float64)
print([f"{v:.2f}" for v in triangle.tolist()])
box = torch.ones(3, dtype=torch.float64) / 3
twice = torch.tensor(np.convolve(box.numpy(), box.numpy()))
print([f"{v:.3f}" for v in twice.tolist()])
assert torch.allclose((triangle / triangle.sum())[1:-1], twice)
# --8<-- [end:triangle_smoothing]

# --8<-- [start:gaussian_blur]
line = windows.gaussian(9, std=1.5, dtype=torch.float64)
line = line / line.sum()
k = torch.arange(-4, 5, dtype=torch.float64)
print([f"{v:.4f}" for v in line[4:].tolist()])
assert torch.allclose(line, torch.softmax(-(k**2) / (2 * 1.5**2), dim=0))
kernel = torch.outer(line, line)[None, None]  # (1, 1, 9, 9)
spot = torch.zeros(1, 1, 11, 11, dtype=torch.float64)
spot[..., 5, 5] = 100.0
blurred = torch.nn.functional.conv2d(spot, kernel, padding="same")
print([f"{v:.2f}" for v in blurred[0, 0, 5, 3:8].tolist()])
# --8<-- [end:gaussian_blur]

# --8<-- [start:recent_samples_more]
weights = windows.exponential(60, center=0, sym=False, tau=5.0, dtype=torch.float64)
g = torch.Generator().manual_seed(4)
x = torch.randn(60, generator=g, dtype=torch.float64) + 3
average = (weights * x.flip(0)).sum() / weights.sum()  # the newest weighs 1
keep = torch.exp(torch.tensor(-1 / 5.0)).item()
running = 3.0
for value in x.tolist():
    running = keep * running + (1 - keep) * value
print([f"{v:.3f}" for v in weights[:4].tolist()], f"average {average:.3f}")
assert abs(average.item() - running) < 1e-4
# --8<-- [end:recent_samples_more]

# --8<-- [start:compare_windows]
chosen = {
    "hann": windows.hann(64, sym=False, dtype=torch.float64),
    "hamming": windows.hamming(64, sym=False, dtype=torch.float64),
    "blackman": windows.blackman(64, sym=False, dtype=torch.float64),
    "nuttall": windows.nuttall(64, sym=False, dtype=torch.float64),
}
fig, ax = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
colours = ("#2f6fdb", "#7a8599", "#2a9d8f", "#e4572e")
for (name, w), colour in zip(chosen.items(), colours, strict=True):
    noise = (64 * w.square().sum() / w.sum() ** 2).item()
    print(f"{name:8}  sidelobe {-sidelobe(w):6.1f} dB  noise width {noise:.3f} bins")
    level = torch.fft.rfft(w, n=64 * 8).abs()[:81]
    decibels = 20 * torch.log10(level / level[0] + 1e-9)
    ax.plot(torch.arange(81) / 8, decibels.clamp_min(-110), color=colour, label=name)
assert [int(sidelobe(w)) for w in chosen.values()] == [31, 42, 58, 93]
ax.set(xlabel="distance from the peak in bins", ylabel="dB", ylim=(-115, 5))
fig.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
# --8<-- [end:compare_windows]

# --8<-- [start:spectrogram]
rate = 1024
t = torch.arange(2048, dtype=torch.float64) / rate
sweep = torch.sin(2 * torch.pi * (50 * t + 75 * t**2))  # 50 Hz + 150 Hz a second
window = torch.hann_window(128, dtype=torch.float64)
spectrum = torch.stft(sweep, 128, hop_length=64, window=window, return_complex=True)
loudest = spectrum.abs().argmax(dim=0) * rate / 128
print(tuple(spectrum.shape), spectrum.dtype, "bins of", rate / 128, "Hz")
print("at 0.5, 1.0, 1.5 s:", loudest[[8, 16, 24]].tolist(), "Hz")
start = 50 + 150 * torch.arange(33) * 64 / rate
assert ((loudest - start)[1:-1].abs() <= 8).all()
fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.plot(torch.arange(1, 32) * 64 / rate, loudest[1:-1], "o", color="#2f6fdb", ms=4)
ax.plot(t, 50 + 150 * t, color="#e4572e")
ax.set(xlabel="seconds", ylabel="loudest bin, Hz")
plt.show()
# --8<-- [end:spectrogram]

# --8<-- [start:spectrogram_by_hand]
frames = sweep.unfold(0, 128, 64)  # (31, 128): pieces that overlap by half
by_hand = torch.fft.rfft(frames * window).T
options = {"n_fft": 128, "hop_length": 64, "window": window, "return_complex": True}
plain = torch.stft(sweep, center=False, **options)
print(tuple(plain.shape), "without padding")
assert torch.allclose(plain, by_hand)
centred = torch.stft(sweep, **options)
assert torch.allclose(centred[:, 1:-1], plain) and centred.shape[1] == 1 + 2048 // 64
# --8<-- [end:spectrogram_by_hand]

# --8<-- [start:beep_out_of_a_song]
t = torch.arange(2000, dtype=torch.float64) / 1000
song = torch.sin(2 * torch.pi * 30 * t)
beep = torch.zeros(2000, dtype=torch.float64)
beep[800:1200] = windows.hann(400) * torch.sin(2 * torch.pi * 250 * t[:400])
pieces = {"n_fft": 100, "hop_length": 25}
pieces["window"] = windows.hann(100, sym=False, dtype=torch.float64)
spectrum = torch.stft(song + beep, **pieces, return_complex=True)
spectrum[20:31, 28:53] = 0  # 200 to 300 Hz, 0.7 to 1.3 s
clean = torch.istft(spectrum, **pieces, length=2000)
left = (clean - song).abs().max()
print(f"loudest beep {beep.abs().max():.2f}, left over {left:.4f}")
assert left < 0.001
untouched = torch.stft(song, **pieces, return_complex=True)
assert torch.allclose(torch.istft(untouched, **pieces, length=2000), song)
# --8<-- [end:beep_out_of_a_song]

# --8<-- [start:no_way_back]
x = torch.arange(64.0, device="cpu")
window = torch.hann_window(16, device="cpu")  # starts with 0
try:
    torch.stft(x, 16, window=window)
except RuntimeError as error:
    print("stft: ", str(error).split(",")[0])
spectrum = torch.stft(x, 16, window=window, center=False, return_complex=True)
try:
    torch.istft(spectrum, 16, window=window, center=False)
except RuntimeError as error:
    print("istft:", str(error).splitlines()[0].split(") ")[-1])
padded = torch.stft(x, 16, window=window, return_complex=True)
assert torch.allclose(torch.istft(padded, 16, window=window), x, atol=1e-4)
# --8<-- [end:no_way_back]

# --8<-- [start:power_density]
g = torch.Generator().manual_seed(5)
x = 2 * torch.randn(8192, generator=g, dtype=torch.float64)  # variance 4
window = torch.hann_window(256, dtype=torch.float64)
pieces = torch.fft.rfft(x.unfold(0, 256, 128) * window)  # (63, 129)
density = pieces.abs().square().mean(dim=0) / window.square().sum()
density[1:-1] *= 2  # the negative frequencies too
single = torch.fft.rfft(x[:256] * window).abs().square() / window.square().sum()
area = density.sum() / 256
print(f"area {area:.2f}, variance {x.var():.2f}")
spread = (density[1:-1].std() / density[1:-1].mean()).item()
alone = (single.std() / single.mean()).item()
print(f"spread of the mean {spread:.2f}, of one piece {alone:.2f}")
assert abs(area / x.var() - 1) < 0.05 and spread < 0.3
# --8<-- [end:power_density]
