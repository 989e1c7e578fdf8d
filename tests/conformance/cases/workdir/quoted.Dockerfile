FROM base
WORKDIR "/a b"/'c $x'
RUN pwd >/pwd
