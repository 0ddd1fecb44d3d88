"""Models and enums, one module a vendor: `from adflight.types.iqm import BudgetType`."""
