// What the server is asked. A failure is an Error with its sentence.

const patience = 1000; // ms between questions for what is not ready yet

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  const error = new Error(body.error ?? `The server answered ${response.status}.`);
  error.status = response.status;
  throw error;
}

// wait asks until the answer is ready.
async function wait(url) {
  for (;;) {
    try {
      return await ask(url);
    } catch (error) {
      if (error.status !== 503) throw error;
      await new Promise((resolve) => setTimeout(resolve, patience));
    }
  }
}

export const page = () => ask("/v1/page");
export const training = (seen) => ask(`/v1/training?seen=${encodeURIComponent(seen)}`);

const kindOf = (file) => ({ "Content-Type": file.type || "application/octet-stream" });

// gallery is the one whose server is under a path.
export function gallery(at) {
  const named = (id) => encodeURIComponent(id);
  const added = new Map(); // how often an id was: a page shows what it has of an address without asking
  const again = (id) => (added.has(id) ? `&again=${added.get(id)}` : "");
  return {
    wait: (what) => wait(`${at}/v1/${what}`),
    neighbours: async (id, k) => (await ask(`${at}/v1/neighbours?k=${k}&id=${named(id)}`)).hits,
    search: async (file, k) => (await ask(`${at}/v1/search?k=${k}`, { method: "POST", body: file, headers: kindOf(file) })).hits,
    add: async (id, file) => {
      const answer = await ask(`${at}/v1/images?id=${named(id)}`, { method: "PUT", body: file, headers: kindOf(file) });
      added.set(id, (added.get(id) ?? 0) + 1);
      return answer;
    },
    remove: (id) => ask(`${at}/v1/images?id=${named(id)}`, { method: "DELETE" }),
    picture: (id, size = 128) => `${at}/v1/image?size=${size}&id=${named(id)}${again(id)}`,
  };
}
