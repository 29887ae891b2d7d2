"""What is wrong with a dataset: copies, leaks between splits, conflicting labels, blank and unreadable images."""

from hybridfer.audit.audit import audit_dataset, find_faults
from hybridfer.audit.findings import Findings
from hybridfer.audit.report import AuditError, AuditReport, Duplicates, Group, NearDuplicates

__all__ = ["AuditError", "AuditReport", "Duplicates", "Findings", "Group", "NearDuplicates", "audit_dataset", "find_faults"]
