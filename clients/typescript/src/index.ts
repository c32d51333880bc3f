// A client of the Portico gateway: the types of /openapi.json, a thin fetch, and words for what the document cannot say:
// signing in, files, and failures.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";
export type Schemas = components["schemas"];
export type ErrorBody = Schemas["WebErrorBody"] | Schemas["WebValidationBody"];
export type Issue = Schemas["WebValidationIssue"];

export interface Options {
  /** Where the gateway is, such as https://portico.example.com. */
  baseUrl: string;
  /** A token that is at hand already. */
  token?: string;
  /** In place of the platform's fetch. */
  fetch?: typeof globalThis.fetch;
  /** Called when the gateway says 401 to a call with a token: the session has ended. */
  onSessionEnd?: () => void;
}

/** A call that the gateway has refused, or that did not succeed. */
export class PorticoError extends Error {
  override readonly name = "PorticoError";
  constructor(
    readonly status: number,
    /** What the gateway said of it, for people. */
    readonly detail: string,
    /** With 422: one for each field that breaks a rule. */
    readonly issues: Issue[],
    /** That of the line in the gateway's log. */
    readonly requestId: string | null,
    /** Seconds after which it may be tried again, with 429 and 503. */
    readonly retryAfter: number | null,
  ) {
    super(`${status}: ${detail}`);
  }
}

/** What each call of {@link Portico.api} returns, as far as {@link unwrap} needs it. */
interface Result<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a success. Throws a {@link PorticoError} for anything else, a 304 included. */
export function unwrap<Data>(result: Result<Data>): Exclude<Data, undefined> {
  if (result.response.ok) return result.data as Exclude<Data, undefined>;
  throw failure(result.response, result.error);
}

function failure(response: Response, body: unknown): PorticoError {
  const { detail } = (typeof body === "object" && body !== null ? body : {}) as Partial<ErrorBody>;
  const issues = Array.isArray(detail) ? detail : [];
  const text = typeof detail === "string" ? detail : issues.map((issue) => `${issue.loc.join(".")}: ${issue.msg}`).join("; ");
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const statusText = response.statusText || "The gateway did not say why";
  return new PorticoError(response.status, text || statusText, issues, response.headers.get("X-Request-ID"), Number.isNaN(seconds) ? null : seconds);
}

export class Portico {
  /** Every route of the document, typed: api.GET("/api/users/me"). */
  readonly api: Client<paths>;
  readonly #options: Options;
  #token: string | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#token = options.token;
    this.api = createClient<paths>({ baseUrl: options.baseUrl, fetch: (request: Request) => this.#send(request), pathSerializer });
  }

  get signedIn(): boolean {
    return this.#token !== undefined;
  }

  /** Begins a session. Throws a {@link PorticoError}, 401 where the address or the password is wrong. */
  async signIn(email: string, password: string): Promise<void> {
    this.#token = undefined;
    const result = await this.api.POST("/api/auth/login", {
      body: { username: email, password, grant_type: "password" },
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    this.#token = unwrap(result).access_token;
  }

  /** Forgets the token. POST /api/auth/logout-all ends the session, and all others of the user. */
  signOut(): void {
    this.#token = undefined;
  }

  /** Uploads a document and returns its id; it is sent as it is read. Throws a {@link PorticoError}, 413 where it is too large. */
  async upload(file: Blob, name: string): Promise<string> {
    const body = new FormData();
    body.append("file", file, name);
    const response = await this.#fetch("/api/documents", { method: "POST", body });
    return ((await response.json()) as { id: string }).id;
  }

  /** The content of a document, to be read as it comes from response.body. A range is of bytes, from 0, both ends included. */
  async content(id: string, options: { range?: [number, number]; signal?: AbortSignal } = {}): Promise<Response> {
    const init: RequestInit = {};
    if (options.range) init.headers = { Range: `bytes=${options.range.join("-")}` };
    if (options.signal) init.signal = options.signal;
    return this.#fetch(`/api/documents/${encodeURIComponent(id)}/content`, init);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const response = await this.#send(new Request(this.#options.baseUrl.replace(/\/+$/, "") + path, init));
    if (response.ok) return response;
    throw failure(response, await response.json().catch(() => undefined));
  }

  async #send(request: Request): Promise<Response> {
    const token = this.#token;
    if (token !== undefined) request.headers.set("Authorization", `Bearer ${token}`);
    const response = await (this.#options.fetch ?? globalThis.fetch)(request);
    if (response.status === 401 && token !== undefined && token === this.#token) {
      this.#token = undefined;
      this.#options.onSessionEnd?.();
    }
    return response;
  }
}

/** {path} of a proxied route stands for all that lies below, so its slashes stay slashes. */
function pathSerializer(template: string, values: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]).split("/").map(encodeURIComponent).join("/"));
}
