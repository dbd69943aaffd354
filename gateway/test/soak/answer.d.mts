/** ASCII, `bytes` of it. */
export function textOf(who: string, id: string, bytes: number): string;
