/**
 * Every failure that the gateway names. The code is the contract (`GW_…`, in answers, logs and metrics); status and whether a
 * caller may try again are looked up here and nowhere else.
 */

export const codes = {
  GW_BAD_REQUEST: { status: 400, retry: false },
  GW_NO_UPSTREAM: { status: 500, retry: false },
  GW_UPSTREAM_UNREACHABLE: { status: 502, retry: true },
  GW_UPSTREAM_BROKEN: { status: 502, retry: true },
  GW_UPSTREAM_TIMEOUT: { status: 504, retry: true },
  GW_BREAKER_OPEN: { status: 503, retry: true },
  GW_HELD: { status: 503, retry: true },
  GW_GONE: { status: 410, retry: false },
  GW_BODY_TOO_LARGE: { status: 413, retry: false },
  GW_BODY_TIMEOUT: { status: 408, retry: true },
  GW_HEAD_TOO_LARGE: { status: 431, retry: false },
  GW_HEAD_TIMEOUT: { status: 408, retry: true },
  GW_OVERLOADED: { status: 503, retry: true },
  GW_DRAINING: { status: 503, retry: true },
  GW_BAD_CONFIG: { status: 500, retry: false },
  GW_FILE_CHANGED: { status: 409, retry: true },
  GW_FILE_READ_ONLY: { status: 409, retry: false },
  GW_BAD_CORPUS: { status: 500, retry: false },
  GW_BAD_WSDL: { status: 500, retry: false },
  GW_CANNOT_LISTEN: { status: 500, retry: false },
  GW_NO_WORKER: { status: 500, retry: false },
  GW_BRIDGE_STATUS: { status: 500, retry: false },
  GW_BRIDGE_MEDIA_TYPE: { status: 500, retry: false },
  GW_BRIDGE_JSON: { status: 500, retry: false },
  GW_BRIDGE_ANSWER: { status: 500, retry: false },
  GW_BRIDGE_FAULT: { status: 500, retry: false },
  GW_ADMIN_UNREACHABLE: { status: 502, retry: true },
  GW_INTERNAL: { status: 500, retry: false },
} as const;

export type Code = keyof typeof codes;

export class GatewayError extends Error {
  readonly code: Code;

  /** @param message what, where, and what to do; shown to operators, and to callers unless the code is GW_INTERNAL */
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GatewayError';
    this.code = code;
  }
}
