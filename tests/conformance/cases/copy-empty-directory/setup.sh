#!/bin/bash
mkdir -p e d/e; chmod 700 e d/e; touch -d @1000000001 e d/e; touch -d @1000000002 d
