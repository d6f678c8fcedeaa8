#include "cpumask.h"

struct rq {
	unsigned int cpu;
	unsigned int nr_wakeups;
};

/* A static function; power.c has an unrelated one of the same name and another prototype. */
static unsigned int wakeup_show(struct rq *rq)
{
	return rq->cpu + rq->nr_wakeups;
}

/* One name, one address; the prototype is that of cpumask_weight, with the same parameter name. */
unsigned int sched_cpus(const struct cpumask *srcp)
{
	return cpumask_weight(srcp);
}

void *sched_table[] = { cpumask_weight, wakeup_show };
