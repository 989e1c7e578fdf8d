#!/bin/bash
mkdir d e; echo f >f; echo in >d/f; ln -s f link; ln -s d dirlink; ln -s ../f d/up; ln -s /f absolute; ln -s dirlink/f chain
ln -s nowhere dangling; ln -s loop loop; ln -s ../../../../f outside; ln -s nowhere e/dangling; ln -s ../d d/inner
