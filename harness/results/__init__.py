"""The results of a kernel on disk: one schema, each file's writer and reader side by side.

===========================================  =======================================================================
``save(path, program, encoded)``             write a folder of one policy: ResultFolder
``save_all(path, program, every, forms)``    write one of several policies
``load(path)``                               the ResultFolder of results, or of a report that has them
``folder[policy]``, ``folder.results()``     Result of a policy, its files checked; those of all
``folder.some(policy)``                      that policy's if it is there, else another's
``gather(results, path)``                    Results from any folders of a kernel, as one folder
``is_results(path)``                         whether there are any
``key_of(kernel)``, ``labels(kernels)``      what makes a kernel itself; names for people, all different
===========================================  =======================================================================

=====================  ===============  =============================================================================
file                   module           holds
=====================  ===============  =============================================================================
manifest.json          manifest         what the folder holds and what it was made from; written last
functions.csv          instances        one row per function instance, what no policy changes; once per kernel
inlined.csv            instances        names that have DIEs and no instance; once per kernel
shipped.btf            folder           the kernel's own .BTF section, where it has one; once per kernel
[POLICY/]selection.csv selection        what a policy makes of each instance, row by row
[POLICY/]ENCODING.btf  folder           the artifact of an encoding
forms.csv              forms            how many functions each form of the rules keeps; where it was asked for
measurements.csv       measurements     every byte with one label; once it was measured
=====================  ===============  =============================================================================

A folder of one policy (`btf-harness encode`) has all files beside each other; one of several has a folder for each
policy. The manifest names the files, so that a reader need not know. A report has its results in btf/, and `load` takes
the report's folder as well. Every column is described in `columns`; addresses and offsets are hex in the files and
uint64 in the frames. Kernels are told apart by `key`: the build id, or the hash of a file that has none.
"""

from harness.results.columns import (
    COLUMNS,
    FORM_COLUMNS,
    FUNCTION_COLUMNS,
    INLINED_COLUMNS,
    INSTANCE_COLUMNS,
    MEASUREMENT_COLUMNS,
    SELECTION_COLUMNS,
    Column,
)
from harness.results.folder import (
    HEADLINE,
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
from harness.results.manifest import BASELINE, SCHEMA, SHIPPED, files_of
from harness.results.result import Result
from harness.results.tables import as_text, csv_bytes

__all__ = [
    "BASELINE",
    "COLUMNS",
    "FORM_COLUMNS",
    "FUNCTION_COLUMNS",
    "HEADLINE",
    "INLINED_COLUMNS",
    "INSTANCE_COLUMNS",
    "IN_REPORT",
    "MEASUREMENT_COLUMNS",
    "SCHEMA",
    "SELECTION_COLUMNS",
    "SHIPPED",
    "TABLES",
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
    "save",
    "save_all",
]
