/* The step of an earlier build that a step is best compared with. */
#ifndef EARLIER_STEP_H
#define EARLIER_STEP_H

#include <stddef.h>

#include <msb/error.h>
#include <msb/records.h>

enum { SAME_NUMBER = 1, SAME_STAGE = 2, SAME_TEXT = 4, SAME_KEY = 8 };

/* Steps of one stage of one build, and the one of them that is meant. */
struct candidate {
	struct msb_step *steps;
	size_t count;
	const struct msb_step *step; /* NULL: none */
	int score;
	size_t differences; /* between the definitions, where the texts are the same */
};

void candidate_done(struct candidate *candidate);
#define autocandidate __attribute__((cleanup(candidate_done))) struct candidate

/*
 * The same instruction in a stage of that name (label) does best, with the same key if there is
 * one, else with the fewest differences; of equals the newest. best is empty and stays so where
 * there is none.
 */
int candidate_find(struct msb_store *store, const struct msb_step *step, const char *label,
		   struct candidate *best, struct msb_error *err);

#endif
