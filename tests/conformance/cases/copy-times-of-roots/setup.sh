#!/bin/bash
mkdir empty; touch -d @1000000007 empty
