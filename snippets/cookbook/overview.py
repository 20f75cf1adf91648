# --8<-- [start:two_pages]
import torch
from torch.distributions import Normal

torch.manual_seed(0)
t = torch.arange(512) / 256  # seconds
noisy = torch.sin(2 * torch.pi * 40 * t) + Normal(0.0, 1.0).sample((512,))
window = torch.signal.windows.hann(512, sym=False)
spectrum = torch.fft.rfft(window * noisy).abs()
loudest = torch.fft.rfftfreq(512, d=1 / 256)[spectrum.argmax()].item()
print("the loudest tone:", loudest, "Hz")
assert loudest == 40
# --8<-- [end:two_pages]
