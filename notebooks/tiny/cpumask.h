/* A static inline in a header. It is inlined where the compiler likes; who takes its address makes the compiler emit
 * a body too, and each compile unit that does so emits its own. include/linux/cpumask.h has one of this name. */
struct cpumask {
	unsigned long bits[2];
};

static inline unsigned int cpumask_weight(const struct cpumask *srcp)
{
	unsigned int weight = 0;

	for (int word = 0; word < 2; word++)
		for (unsigned long bits = srcp->bits[word]; bits; bits &= bits - 1)
			weight++;
	return weight;
}
