/* The words of a command held against its options before argp sees them: argp would only say that
 * it does not know one. */
#ifndef OPTION_CHECK_H
#define OPTION_CHECK_H

#include <argp.h>

/* Ends the process with STATUS_USAGE, having said what was perhaps meant, at a word that is no
 * option of any of these tables, of which the last is NULL. argv[0] is "msb COMMAND". */
void option_check(const struct argp_option *const *tables, int argc, char **argv);

#endif
