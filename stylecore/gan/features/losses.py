"""The terms of the feature network's loss, as free functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def class_weights(counts: Tensor) -> Tensor:
    """[C] numbers of pictures -> [C] weights, mean 1 over the pictures.

    One over the square root of the count: the full inverse makes the few photos of a small folder
    so loud that the large ones lose more than it wins.
    """
    weights = counts.clamp_min(1).float().rsqrt()
    return weights * counts.sum() / (weights * counts).sum()


def cross_entropy(logits: Tensor, truth: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy with class weights and label smoothing; the mean over the batch."""
    losses = functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
    return (losses * weights[truth]).mean()


def pair_contrast(photos: Tensor, renders: Tensor, temperature: float) -> Tensor:
    """InfoNCE both ways between unit [P, E] embeddings of photos and of their renders.

    A render and its source are the positive pair, all others of the batch are negatives: van den
    Oord et al., "Representation learning with contrastive predictive coding", 2018; symmetric over
    two kinds of pictures as in Radford et al., ICML 2021 (CLIP).
    """
    likeness = photos @ renders.T / temperature
    own = torch.arange(len(photos))
    return (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2


def imitation(guessed: Tensor, targets: Tensor) -> Tensor:
    """Mean squared distance to the teacher's standardised activations.

    Romero et al., "FitNets: hints for thin deep nets", ICLR 2015.
    """
    return functional.mse_loss(guessed, targets)
