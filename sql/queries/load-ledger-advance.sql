-- A batch is done; runs in its transaction. $1: SHA-256 of the source; $2: last line; $3: uid of its last row, or NULL for the one
-- before; then what this batch adds: $4 inserted, $5 updated, $6 unchanged, $7 skipped, $8 rejected, $9 steps, $10 zero vectors.
-- parameters: $1 text, $2 bigint, $3 text, $4 bigint, $5 bigint, $6 bigint, $7 bigint, $8 bigint, $9 bigint, $10 bigint
-- writes
UPDATE qbench.load_ledger
   SET last_line = $2,
       last_uid = coalesce($3, last_uid),
       inserted = inserted + $4,
       updated = updated + $5,
       unchanged = unchanged + $6,
       skipped = skipped + $7,
       rejected = rejected + $8,
       steps = steps + $9,
       zero_vectors = zero_vectors + $10
 WHERE source_sha256 = $1;
