/** How upstreams are, as several processes have found them each for itself, told as one. Pure. */

export interface MemberStatus {
  readonly url: string;
  /** `up`, or why it is left out. */
  readonly state: string;
  readonly outstanding: number;
}

export interface UpstreamStatus {
  readonly name: string;
  readonly urls: readonly string[];
  readonly breaker: 'closed' | 'half-open' | 'open';
  readonly outstanding: number;
  /** One for each URL. */
  readonly members: readonly MemberStatus[];
}

const WORST: readonly UpstreamStatus['breaker'][] = ['closed', 'half-open', 'open'];

/** By name, in the order of their first sight: what is under way added up, and of states the worst. */
export function together(reports: readonly (readonly UpstreamStatus[])[]): readonly UpstreamStatus[] {
  const upstreams = new Map<string, UpstreamStatus>();
  for (const one of reports.flat()) {
    const known = upstreams.get(one.name);
    upstreams.set(one.name, known === undefined ? one : joined(known, one));
  }
  return [...upstreams.values()];
}

function joined(one: UpstreamStatus, other: UpstreamStatus): UpstreamStatus {
  const worse = WORST.indexOf(other.breaker) > WORST.indexOf(one.breaker);
  return {
    ...one,
    breaker: worse ? other.breaker : one.breaker,
    outstanding: one.outstanding + other.outstanding,
    members: one.members.map((member) => {
      const same = other.members.find(({ url }) => url === member.url);
      if (same === undefined) return member;
      return {
        ...member,
        state: member.state === 'up' ? same.state : member.state,
        outstanding: member.outstanding + same.outstanding,
      };
    }),
  };
}
