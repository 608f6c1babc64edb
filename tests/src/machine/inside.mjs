// Sends requests from inside a container and prints what was answered, between
// ASKED: and :DEKSA. What to send is the only argument.

const { together, requests } = JSON.parse(process.argv[1]);

const ask = async ({ url, method = "GET", headers = {}, body }) => {
  try {
    const response = await fetch(url, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(30000),
    });
    return { status: response.status, body: (await response.text()).slice(0, 200_000) };
  } catch (error) {
    return { status: 0, body: error.cause?.code ?? error.name };
  }
};

const answers = [];
if (together) {
  answers.push(...(await Promise.all(requests.map(ask))));
} else {
  for (const request of requests) answers.push(await ask(request));
}
console.log(`ASKED:${JSON.stringify(answers)}:DEKSA`);
