"""Images in: read from whatever holds them, or drawn."""

from hybridfer.datasets.classes import FER_CLASSES
from hybridfer.datasets.dataset import Dataset, Problem
from hybridfer.datasets.faces import make_faces
from hybridfer.datasets.index import DatasetIndex
from hybridfer.datasets.read import read_dataset, scan_dataset

__all__ = ["FER_CLASSES", "Dataset", "DatasetIndex", "Problem", "make_faces", "read_dataset", "scan_dataset"]
