#!/bin/bash
printf s >'st*r'; touch -d @1500000000 ./* .
