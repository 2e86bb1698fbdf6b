"""Hot loops in numba, each the twin of some plain PyTorch or NumPy that stays the reference.

On a CPU a step moves a few thousand rows, and most of its time goes into passes over memory between small operations. Each
loop here makes one pass where PyTorch makes several. They work in place on NumPy views of CPU tensors and run on one core.
Where numba is not installed, and on a GPU, the reference runs. Every other room may use them; they import nothing of ours.
"""
