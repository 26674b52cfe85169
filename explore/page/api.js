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
export async function wait(url) {
  for (;;) {
    try {
      return await ask(url);
    } catch (error) {
      if (error.status !== 503) throw error;
      await new Promise((resolve) => setTimeout(resolve, patience));
    }
  }
}

export const neighbours = async (id, k) => (await ask(`/v1/neighbours?k=${k}&id=${encodeURIComponent(id)}`)).hits;

export const search = async (file, k) =>
  (await ask(`/v1/search?k=${k}`, { method: "POST", body: file, headers: { "Content-Type": file.type || "application/octet-stream" } })).hits;

export const picture = (id, size = 128) => `/v1/image?size=${size}&id=${encodeURIComponent(id)}`;
