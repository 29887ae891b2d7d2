"""Feature stores: rows of CNN features in HDF5, found by the pixels they came from, never computed twice.

A store is a folder, by convention with the suffix ``.store``::

    key.json               what wrote it: the fields of `StoreKey`, the widths of the layers, which ride along, a checksum
    shards/<hash>.h5       sealed rows of features; immutable
    listings/<hash>.h5     recorded datasets; immutable
    lock                   taken by writers while they seal; readers take none
    damaged/               what ``verify --quarantine`` moved aside; ignored

**key.json** is written last when a store is made, so that a folder without it is no store. Its text is exactly what
`StoreKey`, widths and ``riding`` render to, so that any changed character is found. The layers of ``riding``, the last of
the key's, are kept beside those that were asked for, and given only where they are named: which layers are read by default
is no part of the key, as it changes no row. A key.json with such layers is of format 2, one without them of format 1.

**A shard** is an HDF5 file (the library's default version, nothing chunked or compressed) with three datasets and
three attributes:

==============  ===========  ====================================================================================
``features``    (m, d) f4    little-endian rows; columns are the layers, in the key's order
``digests``     (m,) S16     128-bit digest of the image of each row, see `hybridfer.digest.image_digests`
``checksums``   (m,) u8      XXH3-64 of each row's bytes, seeded with the two halves of its digest, xor-ed
``format``      attribute    version of this format, 1
``key``         attribute    `StoreKey.digest`
``seal``        attribute    XXH3-128 of key, shape, digests and checksums
==============  ===========  ====================================================================================

Its name is the XXH3-128 of the whole file: writers never collide, and a byte that changes anywhere is found. On opening
a store the seal of each shard is checked; ``verify`` checks every byte.

**A listing** holds ``digests``, ``labels`` (i8, -1 where unknown), ``splits``, ``names``, ``classes`` (UTF-8 of fixed
length) and the attribute ``source``; its name is the XXH3-128 of that content, so that recording a dataset again
changes nothing.

Every file is written aside as ``*.partial``, synced, moved to its name and the folder synced: a process that is killed
at any moment leaves at most a partial file, which the next writer removes. Two shards may hold the same row (after a
copy by hand, or a compaction that was killed); the first met counts. Files are never changed, and only ``compact`` and
``verify --quarantine`` remove any.

This package needs NumPy, h5py, xxhash and filelock; it never imports torch.
"""

from hybridfer.store.key import FORMAT_VERSION, StoreKey
from hybridfer.store.listing import Listing
from hybridfer.store.manifest import is_store
from hybridfer.store.report import ListingInfo, StoreInfo, VerifyReport
from hybridfer.store.store import FeatureStore
from hybridfer.store.verification import verify_store

__all__ = [
    "FORMAT_VERSION",
    "FeatureStore",
    "Listing",
    "ListingInfo",
    "StoreInfo",
    "StoreKey",
    "VerifyReport",
    "is_store",
    "verify_store",
]
