"""What is wrong with a dataset: copies, leaks between splits, conflicting labels, blank and unreadable images."""

from hybridfer.audit.audit import audit_dataset
from hybridfer.audit.report import AuditError, AuditReport, Duplicates, Group, NearDuplicates

__all__ = ["AuditError", "AuditReport", "Duplicates", "Group", "NearDuplicates", "audit_dataset"]
