"""The gallery: embeddings of a few hundred photos, among which a render's source must be found.

It lies beside the feature network that made it and is named in its manifest, since vectors of two
networks do not compare. It keeps no pictures. What it lacks: goods that nobody put into it; among
those a render is found more easily than it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from stylecore.arrays import Floats
from stylecore.features import FeatureNet
from stylecore.features_manifest import FeaturesManifest
from stylecore.imaging.photo import decode
from stylecore.manifest import MANIFEST, ShippedFile, encode_manifest

FILE = "gallery.npy"
GALLERY_PHOTOS = 160
"""Of each folder that is given, at most."""
SHORT_SIDE, MAX_PIXELS = 256, 50_000_000


def write_gallery(folder: Path, photos: Sequence[Path]) -> FeaturesManifest:
    """Describe photos by the network of `folder`; put their embeddings beside it, [N, E] float16.

    Raises NotAPhoto, and Permanent where the network is not as its manifest says.
    """
    net = FeatureNet(folder)
    pictures = [
        decode(photo.read_bytes(), short_side=SHORT_SIDE, max_pixels=MAX_PIXELS).pixels
        for photo in photos
    ]
    np.save(folder / FILE, net.describe_all(pictures).embedding.astype(np.float16))
    digest = sha256((folder / FILE).read_bytes()).hexdigest()
    gallery = ShippedFile(file=FILE, sha256=digest)
    manifest = msgspec.structs.replace(net.manifest, gallery=gallery)
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def load_gallery(folder: Path, manifest: FeaturesManifest) -> Floats:
    """[N, E] of the network's gallery, whose sha256 has been checked; no rows where it has none."""
    if manifest.gallery is None:
        return np.zeros((0, manifest.embedding_size), np.float32)
    stored = np.load(folder / manifest.gallery.file, allow_pickle=False)
    return np.asarray(stored, np.float32)
