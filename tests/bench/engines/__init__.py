"""The allocation engine beside other ways to plan: same instances, same machine, same limit, same checker."""
