// A dashboard's first calls, written against the types generated from /openapi.json. It compiles under strict settings
// when the document says what the gateway does; run with the address of a gateway, it makes the calls as well.
import createClient from "openapi-fetch";
function connect(baseUrl) {
    let token;
    const bearer = {
        onRequest({ request }) {
            if (token)
                request.headers.set("Authorization", `Bearer ${token}`);
            return request;
        },
    };
    const api = createClient({
        baseUrl,
        // {path} of a proxied route stands for all that lies below, so its slashes stay slashes.
        pathSerializer: (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => String(values[name]).split("/").map(encodeURIComponent).join("/")),
    });
    api.use(bearer);
    return { api, signIn: (accessToken) => void (token = accessToken) };
}
const email = `client-${Date.now()}-${Math.floor(Math.random() * 1e9)}@example.com`;
const password = "Correct-Horse-7-Battery";
// In this order: those after auth are signed in.
const walks = {
    async health({ api }) {
        const status = present((await api.GET("/health/live")).data).status;
        expect(status, "ok");
        expect((await api.GET("/health/ready", { parseAs: "text" })).response.status, 200);
    },
    async auth({ api, signIn }) {
        const registered = await api.POST("/api/auth/register", { body: { email, password, full_name: null } });
        const user = present(registered.data);
        expect(user.email, email);
        const invalid = await api.POST("/api/auth/register", { body: { email: "nobody", password } });
        expect(invalid.response.status, 422);
        const { data } = await api.POST("/api/auth/login", {
            body: { username: email, password, grant_type: "password" },
            headers: { "Content-Type": "application/x-www-form-urlencoded" },
        });
        const kind = present(data).token_type;
        expect(kind, "bearer");
        signIn(present(data).access_token);
    },
    async users({ api }) {
        const me = present((await api.GET("/api/users/me")).data);
        expect(me.is_admin, false);
        const dark = await api.PATCH("/api/users/me/color-mode", { body: { color_mode: "dark" } });
        const mode = present(dark.data).color_mode;
        expect(mode, "dark");
        const none = await api.PATCH("/api/users/me/color-mode", { body: { color_mode: null } });
        expect(present(none.data).color_mode, null);
        const chosen = await api.PATCH("/api/users/me/preferences", { body: { app_ids: ["documents"] } });
        expect(present(chosen.data).app_ids.join(), "documents");
        const kept = present((await api.GET("/api/users/me/preferences")).data).app_ids;
        expect(kept.join(), "documents");
        const groups = present((await api.GET("/api/users/me/groups")).data);
        expect(groups.map((group) => `${group.name} ${group.is_group_admin} ${group.description ?? ""}`).join(), "");
    },
    async profile({ api }) {
        const written = await api.PUT("/api/profile/me", { body: { phone: "+49 30 12345", date_of_birth: null } });
        const phone = present(written.data).phone;
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
        const mode = appearance.default_mode;
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
        const mask = ai.data?.providers.openai.api_key;
        expect(mask, undefined);
        const limits = await api.PATCH("/api/settings/documents/limits", { body: { max_pdf_mb: 30 }, params: { header: { "If-Match": tag } } });
        expect(limits.data?.max_pdf_mb, undefined);
        const prompts = await api.GET("/api/settings/system-prompts");
        expect(prompts.data?.map((prompt) => prompt.service_id).join(), undefined);
    },
    async services({ api }) {
        const services = present((await api.GET("/api/services")).data);
        const status = services[0]?.status;
        expect(status, "healthy");
    },
    async plugins({ api }) {
        const plugins = present((await api.GET("/api/plugins")).data);
        expect(plugins.map((plugin) => plugin.id).join(), ""); // none is for everybody
        const id = "doc-service";
        expect((await api.GET("/api/plugins/{id}/manifest", { params: { path: { id } } })).response.status, 404);
        expect((await api.GET("/api/plugins/{id}/settings", { params: { path: { id } } })).response.status, 404);
    },
    async documents({ api }) {
        const { response } = await api.GET("/api/documents", { parseAs: "stream" });
        expect(response.status, 200);
        const missing = await api.GET("/api/documents/{path}", { params: { path: { path: "none/content" } }, parseAs: "stream" });
        expect(missing.response.status, 404);
    },
};
// What the document does not allow must not compile: types that have turned into any would pass everything above.
export function refused({ api }) {
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
        async () => (await api.GET("/api/users/me")).data?.full_name,
    ];
}
function present(value) {
    if (value === undefined)
        throw new Error("the gateway refused");
    return value;
}
function expect(got, want) {
    if (got !== want)
        throw new Error(`got ${String(got)}, want ${String(want)}`);
}
export async function main(baseUrl) {
    const gateway = connect(baseUrl);
    for (const [group, walk] of Object.entries(walks)) {
        await walk(gateway);
        console.log(`${group}: good`);
    }
}
