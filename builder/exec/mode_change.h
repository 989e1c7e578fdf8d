/* --chmod's words: octal, or symbolic as chmod(1) has them ("u=rwX,go-w"). */
#ifndef MODE_CHANGE_H
#define MODE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include <msb/error.h>

#define MODE_CHANGE_CLAUSES 32

struct mode_change {
	bool numeric;
	uint16_t mode; /* numeric */
	size_t count;
	struct mode_clause {
		uint16_t who;   /* mask of the bits it may touch */
		char operation; /* '+', '-', '=' */
		uint16_t permissions;
		bool conditional_x; /* 'X' */
		char copy;          /* 'u', 'g', 'o': take that class's bits; 0: none */
	} clauses[MODE_CHANGE_CLAUSES];
};

int mode_change_parse(const char *text, struct mode_change *ret, struct msb_error *err);
uint16_t mode_change_apply(const struct mode_change *change, uint16_t mode, bool directory);

#endif
