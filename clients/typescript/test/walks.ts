// A dashboard's calls, written against the client. It compiles under strict settings when the document says what the gateway
// does; run with the address of a gateway, it makes the calls as well.
import { Portico, PorticoError, type Schemas, type paths, unwrap } from "../src/index.js";

type User = Schemas["UserOut"];

// The word after /api/, or the first one elsewhere.
type GroupOf<Path> = Path extends `/api/${infer Rest}` ? First<Rest> : Path extends `/${infer Rest}` ? First<Rest> : never;
type First<Rest> = Rest extends `${infer Word}/${string}` ? Word : Rest;
type Group = GroupOf<keyof paths>;

const email = `client-${Date.now()}-${Math.floor(Math.random() * 1e9)}@example.com`;
const password = "Correct-Horse-7-Battery";

// In this order: those after auth are signed in.
const walks: Partial<Record<Group, (portico: Portico, pdf: Blob) => Promise<void>>> = {
  async health({ api }) {
    const status: "ok" | "unavailable" = present((await api.GET("/health/live")).data).status;
    expect(status, "ok");
    expect((await api.GET("/health/ready", { parseAs: "text" })).response.status, 200);
  },

  async auth(portico) {
    const { api } = portico;
    const user: User = unwrap(await api.POST("/api/auth/register", { body: { email, password, full_name: null } }));
    expect(user.email, email);

    const invalid = await failing(api.POST("/api/auth/register", { body: { email: "nobody", password } }).then(unwrap));
    expect(invalid.status, 422);
    expect(invalid.issues[0]?.loc.join(), "body,email");
    expect(invalid.detail.startsWith("body.email: "), true);
    const taken = await failing(api.POST("/api/auth/register", { body: { email, password } }).then(unwrap));
    expect(taken.status, 400);
    expect(taken.issues.length, 0);
    expect(taken.requestId?.length, 32);

    const nobody = await failing(api.GET("/api/users/me").then(unwrap));
    expect(nobody.status, 401);
    const wrong = await failing(portico.signIn(email, "wrong"));
    expect(wrong.detail, "Incorrect email or password");
    expect(portico.signedIn, false);
    await portico.signIn(email, password);
    expect(portico.signedIn, true);
  },

  async users({ api }) {
    const me: User = present((await api.GET("/api/users/me")).data);
    expect(me.is_admin, false);

    const dark = await api.PATCH("/api/users/me/color-mode", { body: { color_mode: "dark" } });
    const mode: string | null = present(dark.data).color_mode;
    expect(mode, "dark");
    const none = await api.PATCH("/api/users/me/color-mode", { body: { color_mode: null } });
    expect(present(none.data).color_mode, null);

    const chosen = await api.PATCH("/api/users/me/preferences", { body: { app_ids: ["documents"] } });
    expect(present(chosen.data).app_ids.join(), "documents");
    const kept: string[] = present((await api.GET("/api/users/me/preferences")).data).app_ids;
    expect(kept.join(), "documents");

    const groups = unwrap(await api.GET("/api/users/me/groups"));
    expect(groups.map((group) => `${group.name} ${group.is_group_admin} ${group.description ?? ""}`).join(), "");

    const first = await api.GET("/api/users/me/context");
    const context = unwrap(first);
    const limit: number = context.limits.max_pdf_mb;
    expect(limit, 20);
    expect(context.user.email, me.email);
    expect(context.app_ids.join(), "documents");
    expect(context.plugins.length + context.groups.length, 0);
    const shown: "light" | "dark" | "system" = context.mode;
    expect(shown, context.appearance.default_mode);
    const again = await api.GET("/api/users/me/context", { headers: { "If-None-Match": first.response.headers.get("ETag") } });
    expect(again.response.status, 304);
  },

  async profile({ api }) {
    const written = await api.PUT("/api/profile/me", { body: { phone: "+49 30 12345", date_of_birth: null } });
    const phone: string | null = present(written.data).phone;
    expect(phone, "+49 30 12345");
    expect(present((await api.GET("/api/profile/me")).data).address, null);
  },

  async groups({ api }) {
    const id = "a0000000-0000-4000-8000-000000000000";
    const members = await api.GET("/api/groups/{id}/members", { params: { path: { id }, query: { q: "ann", limit: 10 } } });
    expect(members.response.status, 404); // only whoever runs the group knows of it
  },

  async admin({ api }) {
    const users = await api.GET("/api/admin/users", { params: { query: { sort: "-email", offset: 0 } } });
    expect(users.response.status, 404);
    const admins = users.data?.filter((user) => user.is_admin).map((user) => `${user.email} ${user.group_count}`);
    expect(admins?.length, undefined);
    const group = await api.POST("/api/admin/groups", { body: { name: "Sales", description: null } });
    expect(group.data?.member_count, undefined);
  },

  async public({ api }) {
    const appearance = present((await api.GET("/api/public/appearance")).data);
    const mode: "light" | "dark" | "system" = appearance.default_mode;
    expect(mode, "system");
    expect(appearance.theme.colors.dark.on_surface.startsWith("#"), true);
  },

  async settings({ api }) {
    const { data, response } = await api.GET("/api/settings/themes");
    const themes = present(data);
    expect(themes.filter((theme) => theme.is_builtin && theme.is_active).length, 1);
    const tag = present(response.headers.get("ETag") ?? undefined);
    const same = await api.GET("/api/settings/themes", { headers: { "If-None-Match": tag } });
    expect(same.response.status, 304);
    expect(present((await api.GET("/api/settings/appearance")).data).theme.id, themes[0]?.id);

    const ai = await api.PATCH("/api/settings/ai", { body: { provider: "openai", providers: { openai: { api_key: null } } } });
    expect(ai.response.status, 404); // for admins only
    const mask: string | null | undefined = ai.data?.providers.openai.api_key;
    expect(mask, undefined);
    const limits = await api.PATCH("/api/settings/documents/limits", { body: { max_pdf_mb: 30 }, params: { header: { "If-Match": tag } } });
    expect(limits.data?.max_pdf_mb, undefined);
    const prompts = await api.GET("/api/settings/system-prompts");
    expect(prompts.data?.map((prompt) => prompt.service_id).join(), undefined);
  },

  async services({ api }) {
    const services = present((await api.GET("/api/services")).data);
    const status: "healthy" | "degraded" | "unhealthy" | undefined = services[0]?.status;
    expect(status, "healthy");
  },

  async plugins({ api }) {
    const plugins = present((await api.GET("/api/plugins")).data);
    expect(plugins.map((plugin) => plugin.id).join(), ""); // none is for everybody
    const id = "doc-service";
    expect((await api.GET("/api/plugins/{id}/manifest", { params: { path: { id } } })).response.status, 404);
    expect((await api.GET("/api/plugins/{id}/settings", { params: { path: { id } } })).response.status, 404);
  },

  async documents(portico, pdf) {
    const id = await portico.upload(pdf, "report.pdf");
    const content = await portico.content(id);
    expect(content.headers.get("Content-Type"), "application/pdf");
    const reader = present(content.body ?? undefined).getReader();
    let received = 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) received += piece.value.byteLength;
    expect(received, pdf.size);

    const part = await portico.content(id, { range: [1, 3] });
    expect(part.status, 206);
    expect(await part.text(), "PDF");
    expect((await failing(portico.upload(new Blob(["none"]), "none.pdf"))).status >= 400, true);
    const missing = await failing(portico.content("a0000000-0000-4000-8000-000000000000"));
    expect(missing.status, 404);

    const list = await portico.api.GET("/api/documents", { parseAs: "json" });
    expect(list.response.status, 200);
    const proxied = await portico.api.GET("/api/documents/{path}", { params: { path: { path: `${id}/content` } }, parseAs: "arrayBuffer" });
    expect((proxied.data as ArrayBuffer).byteLength, pdf.size);
  },
};

// What the document does not allow must not compile: types that have turned into any would pass everything above.
export function refused({ api }: Portico): unknown[] {
  return [
    // @ts-expect-error: no such path
    () => api.GET("/api/nothing"),
    // @ts-expect-error: no such method
    () => api.POST("/api/users/me"),
    // @ts-expect-error: a required field is missing
    () => api.POST("/api/auth/register", { body: { email } }),
    // @ts-expect-error: not one of the values
    () => api.PATCH("/api/users/me/color-mode", { body: { color_mode: "sepia" } }),
    // @ts-expect-error: null is not a list
    () => api.PATCH("/api/users/me/preferences", { body: { app_ids: null } }),
    // @ts-expect-error: the path parameter is missing
    () => api.GET("/api/documents/{path}"),
    // @ts-expect-error: no such field
    async () => (await api.GET("/api/users/me")).data?.hashed_password,
    // @ts-expect-error: may be null
    async (): Promise<string | undefined> => (await api.GET("/api/users/me")).data?.full_name,
  ];
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the gateway refused");
  return value;
}

function expect<T>(got: T, want: T): void {
  if (got !== want) throw new Error(`got ${String(got)}, want ${String(want)}`);
}

async function failing(call: Promise<unknown>): Promise<PorticoError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof PorticoError) return error;
    throw error;
  }
  throw new Error("the gateway did not refuse");
}

export async function main(baseUrl: string, pdf: Blob): Promise<void> {
  let ended = 0;
  const portico = new Portico({ baseUrl: `${baseUrl}/`, onSessionEnd: () => void ended++ });
  for (const [group, walk] of Object.entries(walks)) {
    await walk(portico, pdf);
    console.log(`${group}: good`);
  }
  expect(ended, 0);

  const stale = new Portico({ baseUrl, token: "not.a.token", onSessionEnd: () => void ended++ });
  expect((await failing(stale.content("x"))).status, 401);
  expect(`${ended} ${stale.signedIn}`, "1 false");
  portico.signOut();
  expect((await failing(portico.content("x"))).status, 401);
  console.log("sessions: good");
}
