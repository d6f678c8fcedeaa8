"""The results of a kernel on disk: one schema, each file's writer and reader side by side.

===========================================  =======================================================================
``save(path, program, encoded)``             write a folder of one policy: ResultFolder
``save_all(path, program, every, forms)``    write a folder of several policies
``load(path)``                               the ResultFolder of results or of a report
``folder[policy]``, ``folder.results()``     Result of a policy, its files checked; of all policies
``folder.some(policy)``                      Result of that policy if present, else of another
``gather(results, path)``                    write Results of a kernel from any folders as one
``is_results(path)``                         whether a path has results
``key_of(kernel)``, ``labels(kernels)``      what identifies a kernel; distinct names for people
===========================================  =======================================================================

=====================  ===============  =============================================================================
file                   module           holds
=====================  ===============  =============================================================================
manifest.json          manifest         what the folder holds and what it was made from; written last
functions.csv          instances        one row per function instance, policy-independent; once per kernel
inlined.csv            instances        names that have DIEs but no instance; once per kernel
shipped.btf            folder           the kernel's own .BTF section, if it has one; once per kernel
[POLICY/]selection.csv selection        what a policy decides about each instance, row by row
[POLICY/]added.csv     added            the functions that the kernel's step adds, if there are any
[POLICY/]ENCODING.btf  folder           the artifact of an encoding
forms.csv              forms            how many functions each form of the rules keeps; only if requested
measurements.csv       measurements     every byte with one label; once measured
matrix.csv             executed         what each consumer did with each file; once executed, as the next two
survival.csv           executed         which addresses survive what a build does to a file
usage.csv              executed         time and memory of a reader; not the same twice
=====================  ===============  =============================================================================

A folder of one policy (`btf-harness encode`) has all files at its top; a folder of several has a subfolder for each
policy. Readers find the files through the manifest. A report has its results in btf/, and `load` also takes a report.
Every column is described in `columns`; addresses and offsets are hex in the files and uint64 in the frames. Kernels are
told apart by `key`: the build id, or the hash of a file that has none.
"""

from harness.functions.policies import HEADLINE
from harness.results.columns import (
    ADDED_COLUMNS,
    COLUMNS,
    FORM_COLUMNS,
    FUNCTION_COLUMNS,
    INLINED_COLUMNS,
    INSTANCE_COLUMNS,
    MATRIX_COLUMNS,
    MEASUREMENT_COLUMNS,
    SELECTION_COLUMNS,
    SURVIVAL_COLUMNS,
    USAGE_COLUMNS,
    Column,
)
from harness.results.folder import (
    BODIES,
    IN_REPORT,
    TABLES,
    ResultFolder,
    gather,
    is_results,
    kernel_tables,
    key_of,
    labels,
    load,
    read_bytes,
    save,
    save_all,
)
from harness.results.instances import INSTANCES
from harness.results.manifest import BASELINE, SCHEMA, SHIPPED, files_of
from harness.results.manifest import NAME as MANIFEST
from harness.results.records import records, to_json
from harness.results.result import Result
from harness.results.tables import as_text, csv_bytes

__all__ = [
    "ADDED_COLUMNS",
    "BASELINE",
    "BODIES",
    "COLUMNS",
    "FORM_COLUMNS",
    "FUNCTION_COLUMNS",
    "HEADLINE",
    "INLINED_COLUMNS",
    "INSTANCES",
    "INSTANCE_COLUMNS",
    "IN_REPORT",
    "MANIFEST",
    "MATRIX_COLUMNS",
    "MEASUREMENT_COLUMNS",
    "SCHEMA",
    "SELECTION_COLUMNS",
    "SHIPPED",
    "SURVIVAL_COLUMNS",
    "TABLES",
    "USAGE_COLUMNS",
    "Column",
    "Result",
    "ResultFolder",
    "as_text",
    "csv_bytes",
    "files_of",
    "gather",
    "is_results",
    "kernel_tables",
    "key_of",
    "labels",
    "load",
    "read_bytes",
    "records",
    "save",
    "save_all",
    "to_json",
]
