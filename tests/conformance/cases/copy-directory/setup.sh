#!/bin/bash
mkdir -p d/sub/deep d/two d/empty
echo 1 >d/one; echo 2 >d/sub/two; echo 3 >d/sub/deep/three; echo 4 >d/two/four
chmod 700 d; chmod 711 d/sub; chmod 2775 d/sub/deep; chmod 4755 d/one; chmod 600 d/sub/two; chmod 1777 d/empty
touch -d @1000000001 d/one; touch -d @1000000002.123456789 d/sub/two
touch -d @1000000003 d/sub/deep d/two d/empty; touch -d @1000000004 d/sub; touch -d @1000000005 d
