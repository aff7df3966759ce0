// The only list of error codes. The REST status, the ack, the SDK's retry decision and the docs are read from it.

/** A code is never renamed and never reused (docs/protocol.md section 7). */
export const errorTable = {
  SESSION_CONFLICT: { status: 409, retryable: false, title: 'The session id is taken' },
  TURN_IN_PROGRESS: { status: 409, retryable: true, title: 'A turn is live in this session' },
  IDEMPOTENCY_CONFLICT: { status: 409, retryable: false, title: 'The key was used for something else' },
  TURN_CANCELLED: { status: 409, retryable: false, title: 'The turn was cancelled' },
  SESSION_NOT_FOUND: { status: 404, retryable: false, title: 'No such session' },
  TURN_NOT_FOUND: { status: 404, retryable: false, title: 'No such turn' },
  NOT_FOUND: { status: 404, retryable: false, title: 'No such route' },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false, title: 'The route does not take this method' },
  MALFORMED_JSON: { status: 400, retryable: false, title: 'The request cannot be read' },
  VALIDATION_FAILED: { status: 422, retryable: false, title: 'The payload is not valid' },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false, title: 'The payload is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false, title: 'Only JSON in UTF-8 is read' },
  UNAUTHENTICATED: { status: 401, retryable: false, title: 'No valid credentials' },
  FORBIDDEN: { status: 403, retryable: false, title: 'Not allowed' },
  RATE_LIMITED: { status: 429, retryable: true, title: 'Too many requests' },
  MODEL_BUSY: { status: 503, retryable: true, title: 'The queue for the model is full' },
  MODEL_INTERRUPTED: { status: 502, retryable: true, title: 'The model failed in mid-reply' },
  DRAINING: { status: 503, retryable: true, title: 'The server is going down for a restart' },
  STORE_UNAVAILABLE: { status: 503, retryable: true, title: 'Nothing can be stored at the moment' },
  INTERNAL: { status: 500, retryable: true, title: 'Something went wrong on our side' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

export type ErrorCode = keyof typeof errorTable;
