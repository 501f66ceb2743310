-- After many writes: statistics for the planner, the visibility map, and what waits in the GIN indexes' pending lists.
-- role: owner
VACUUM (ANALYZE) public.test_steps;
