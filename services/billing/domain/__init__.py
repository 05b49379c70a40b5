"""Pure rules of billing: months, charges, prices."""
