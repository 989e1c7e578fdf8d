#!/bin/bash
# What msb says of a Dockerfile without building it, and what a build says against it.
. "$(dirname "$0")/lib.sh"

import_busybox

it "has nothing to say against a good Dockerfile, and says so"
dockerfile <<'END'
FROM busybox AS build
WORKDIR /app
CMD ["sh"]
END
exits 0 msb build --check ctx
contains out '^Check complete, no warnings found\.$'
exits 0 msb build --call=check,format=json ctx
same '[]' "$(jq -c .warnings out)"

it "names the rule, what is wrong and the place, with status 1"
dockerfile <<'END'
FROM busybox AS Unused
WORKDIR rel
FROM busybox AS build
MAINTAINER me
COPY left-out.log /
ENV VERSION=1
ENV OTHER=$VERSON
CMD sh
END
echo '*.log' >ctx/.dockerignore
exits 1 msb build --check ctx
contains out '^Check complete, 6 warnings have been found!$'
contains out '^WARNING: StageNameCasing - Stage names should be lowercase$'
contains out "^Stage name 'Unused' should be lowercase$"
contains out '^ +4 \| >>> MAINTAINER me$'
contains out 'Copy file "left-out.log" that is excluded'
contains out 'did you mean .VERSION\?'
exits 1 msb build --call=check,format=json ctx
same 'StageNameCasing WorkdirRelativePath MaintainerDeprecated CopyIgnoredFile UndefinedVar JSONArgsRecommended' \
    "$(jq -r '[.warnings[].ruleName] | join(" ")' out)"
same '1 2 4 5 7 8' "$(jq -r '[.warnings[].location.ranges[0].start.line | tostring] | join(" ")' out)"

it "looks only into the stages that the target needs"
exits 1 msb build --check --target build ctx
lacks out 'WorkdirRelativePath'
exits 1 msb build --check --target unused ctx
contains out 'WorkdirRelativePath'
lacks out 'UndefinedVar'

it "knows the variables of base images that are in the store"
dockerfile <<'END'
FROM busybox
ENV FROM_BASE=1
END
build -t based
dockerfile <<'END'
FROM based
ENV A=$FROM_BASE B=$NOWHERE
END
exits 1 msb build --check ctx
contains out '^Check complete, 1 warning has been found!$'
contains out "undefined variable '.NOWHERE'"

it "checks what is based on an image that nobody has, without wanting it"
dockerfile <<'END'
FROM localhost:1/no/such:image
ENV A=$SET_THERE_MAYBE
END
exits 0 msb build --check ctx

it "makes no build"
before=$(msb builds | wc -l)
printf 'FROM busybox\nMAINTAINER me\n' | dockerfile
exits 1 msb build --check ctx
exits 0 msb build --call=targets ctx
same "$before" "$(msb builds | wc -l)"

it "refuses what no build could read, with the place"
printf 'FROM busybox\nRUM true\n' | dockerfile
refuses 1 'Dockerfile:2: unknown instruction' msb build --check ctx
printf '# check=nonsense\nFROM busybox\n' | dockerfile
refuses 1 'invalid check option' msb build --check ctx
refuses 1 'invalid check option' msb build ctx

it "says once, at the end of a build, what is wrong with the stages that it built"
dockerfile <<'END'
FROM busybox AS unused
WORKDIR rel
FROM busybox
ENV A b
RUN true
END
build
contains log '^1 warning found'
contains log '^ - LegacyKeyValueFormat: .* \(line 4\)$'
lacks log 'WorkdirRelativePath'
build -q
same "" "$(cat log)"

it "says so of a failed build, too"
printf 'FROM busybox\nENV A b\nRUN false\n' | dockerfile
exits 1 msb build ctx
contains err 'LegacyKeyValueFormat'

it "fails before any step where the Dockerfile wants it so"
printf '# check=error=true\nFROM busybox\nENV A b\nRUN echo made > /made\n' | dockerfile
before=$(msb builds | wc -l)
exits 1 msb build ctx
contains err 'LegacyKeyValueFormat: .*\(line 3\)'
contains err 'lint violation found for rules: LegacyKeyValueFormat$'
lacks err 'RUN echo made'
same "$before" "$(msb builds | wc -l)"
exits 0 msb build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=LegacyKeyValueFormat ctx
exits 1 msb build --check ctx

it "tells what a target takes, with the values and descriptions"
dockerfile <<'END'
# VERSION is what is built
ARG VERSION=3
FROM busybox AS base
RUN --mount=type=secret,id=token,required true
# build makes everything
FROM base AS build
ARG VERSION
# FLAGS are given to the compiler
ARG FLAGS
RUN --mount=type=ssh true
FROM busybox
END
exits 0 msb build --call=outline --target build --build-arg FLAGS=-O2 ctx
contains out '^TARGET: +build$'
contains out '^DESCRIPTION: +makes everything$'
contains out '^VERSION +3 +is what is built$'
contains out '^FLAGS +-O2 +are given to the compiler$'
contains out '^token +true$'
contains out '^default$'
exits 0 msb build --call=outline,format=json --target build ctx
same 'VERSION=3' "$(jq -r '.args[0] | .name + "=" + .value' out)"
same 'token true default' "$(jq -r '[.secrets[0].name, .secrets[0].required, .ssh[0].name] | map(tostring) | join(" ")' out)"

it "lists the stages"
exits 0 msb build --call=targets ctx
contains out '^build +base +makes everything$'
contains out '^2 \(default\) +busybox$'
exits 0 msb build --call=targets,format=json ctx
same 'base build true' "$(jq -r '[.targets[0].name, .targets[1].name, .targets[2].default] | map(tostring) | join(" ")' out)"
