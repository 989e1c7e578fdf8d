#!/bin/bash
# msb graph: a build as a picture.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END_OF_FILE'
FROM busybox AS deps
RUN mkdir /out && echo "a & b" > "/out/one <two>"
FROM busybox AS unused
FROM deps AS build
COPY --from=deps ["/out/one <two>", "/copied"]
RUN --mount=type=bind,from=deps,source=/out,target=/mnt cat /mnt/one* && rm /copied
FROM busybox
COPY --from=build /out /out
COPY --from=busybox /etc/group /group
RUN echo said-this; exit 3
RUN echo never
END_OF_FILE
exits 1 msb build ctx

it "knows what each step read, from where, and what became of it"
msb graph --format json >graph.json
python3 - graph.json >got <<'END_OF_SCRIPT'
import json, sys

graph = json.load(open(sys.argv[1]))
print(graph["Build"], graph["State"])
for stage in graph["Stages"]:
    for step in stage["Steps"]:
        sources = "; ".join(f"{s['Use']} {s['Kind']} {s['Name'] or '-'} {s['Path'] or '-'}"
                            for s in step["Sources"])
        print(stage["Name"], step["Step"], step["State"], step["Added"],
              step["Deleted"], step["BytesAdded"], step["BytesDeleted"], sources, sep="|")
END_OF_SCRIPT
cat >wanted <<'END_OF_FILE'
1 failed
deps|1|done|0|0|0|0|base image busybox -
deps|2|done|2|0|6|0|
build|1|done|0|0|0|0|base stage deps -
build|2|done|1|0|6|0|copy stage deps /out/one <two>
build|3|done|0|1|0|6|mount stage deps /out
3|1|done|0|0|0|0|base image busybox -
3|2|done|2|0|6|0|copy stage build /out
3|3|done|1|0|22|0|copy image busybox /etc/group
3|4|failed|0|0|0|0|
END_OF_FILE
diff -u wanted got

it "draws well-formed SVG, a line a stage that a step reads from"
msb graph >graph.svg
msb graph -o again.svg 1
cmp graph.svg again.svg
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' graph.svg
same 4 "$(grep -c '<path class="edge' graph.svg)"
contains graph.svg 'from deps: /out/one &lt;two&gt;'
contains graph.svg '1 more not begun'

it "makes a page that loads nothing, with what each step changed and printed"
msb graph -o graph.html
lacks graph.html '(src|href)="?(http|//)|@import|url\((http|//)'
contains graph.html '>said-this$'
contains graph.html '^D /copied +6B$'
contains graph.html 'Exit status 3'

it "counts what came from the cache"
sed -i 's/; exit 3//' ctx/Dockerfile
build
msb graph -o graph.dot
contains graph.dot '<td>cached</td>'
contains graph.dot 's0:head:e -> s1:n2:w \[label=</out/one &lt;two&gt;>, style=solid\]'
contains graph.dot 's0:head:e -> s1:n3:w .*dashed'

it "does not take notes of sources for a reason to execute a step anew"
sed -i 's/^FROM busybox AS unused/FROM busybox AS unused\nRUN true\nFROM busybox AS first/' ctx/Dockerfile
build
lacks log '^#[0-9]+ DONE .*RUN'
msb explain >out
lacks out '^miss'

it "says that there is nothing to draw"
refuses 1 'there is no build 99' msb graph 99
refuses 1 'there is no store' msb --root "$work/other" graph
