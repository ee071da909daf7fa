# What calr 0.1.0 (revision 8af43ac46bbc) wrote is read: a data set, a run that was stopped, a study, a snapshot.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cp -r "$CALR_TEST_REFERENCE/former/." .
chmod -R u+w .
export CALR_THREADS=1 # as then

mv street.mdb street.lmdb
expect 0 "$CALR" data info street.lmdb --verify
prints 3bd64a3f2b9d10f3988e91872136fd56 "15"

# The run goes on after its second epoch.
expect 0 "$CALR" run run.lua --resume run
contains run/run.json '"status": "finished"' '"sum": 1.5'
printf '{"epoch":%d,"sum":%s}\n' 1 0.5 2 1.0 3 1.5 >whole.jsonl
expect 0 cmp whole.jsonl run/metrics.jsonl
expect 0 "$CALR" report run -o run.html
contains run.html finished

# The study finds all of its trials done.
mkdir studies
mv study studies/small
NO_TRIAL_IS_LEFT=1 expect 0 "$CALR" study study.lua
prints "one                2  2.150" "two                2  4.150"
expect 0 "$CALR" table studies/small
prints "4.150"
expect 0 "$CALR" study study.lua --retry-failed --dry-run
prints "ablate  one                 2     2" "ablate  two                 2     2"

# The rule decides as it did.
expect 0 "$CALR" refine snapshot.safetensors pivot
prints "15 images under 2 cameras, 3 identities" "pivot           0.911   0.302   0.454"
finish
