// What a program does with the client that the OpenAPI Generator makes for TypeScript: see generated_clients.py.

import { AISessionsApi, Configuration, ResponseError } from './client';

declare const process: { env: Record<string, string> };
const organisation = process.env.QUANT_ORGANISATION;

function connected(token: string): AISessionsApi {
  return new AISessionsApi(new Configuration({ basePath: process.env.QUANT_BASE_URL, accessToken: token }));
}

function minutes(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 60_000;
}

async function refusal(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    return [error.response.status, (await error.response.json()).message];
  }
  return 'taken';
}

async function main(): Promise<void> {
  const api = connected(process.env.QUANT_API_TOKEN);
  const seen: unknown[] = [];

  const created = await api.createAISession({
    organisation,
    createAISessionRequest: {
      userId: 'generated-typescript',
      sessionGroup: 'a group',
      metadata: { title: 'Zürich?', model: 'a model' },
      expirationMinutes: 30,
      initialMessages: [{ role: 'system', content: 'Be brief.' }],
    },
  });
  const sessionId = created.sessionId!;
  seen.push([created.status, minutes(created.createdAt!, created.expiresAt!)]);

  const updated = await api.updateAISession({
    organisation,
    sessionId,
    updateAISessionRequest: { newMessages: [{ role: 'user', content: 'Grüezi 👋' }], tokensUsed: 7 },
  });
  seen.push([updated.sessionId === sessionId, updated.totalMessages, updated.totalTokens]);

  const got = await api.getAISession({ organisation, sessionId });
  seen.push([got.title, got.model, got.messages, minutes(got.createdAt!, created.createdAt!) === 0]);

  const listed = await api.listAISessions({
    organisation,
    userId: 'generated-typescript',
    sessionGroup: 'a group',
    limit: 5,
    offset: 0,
    model: 'a model',
  });
  seen.push([listed.length, listed[0].id === sessionId, minutes(listed[0].updatedAt!, updated.updatedAt!) === 0]);

  seen.push((await api.extendAISession({ organisation, sessionId })).message);
  const extended = await api.extendAISession({
    organisation,
    sessionId,
    extendAISessionRequest: { additionalMinutes: 15 },
  });
  seen.push([extended.message, minutes(created.expiresAt!, extended.expiresAt!)]);

  seen.push(await refusal(api.createAISession({ organisation, createAISessionRequest: { userId: '' } })));
  seen.push(await refusal(api.getAISession({ organisation: 'another', sessionId })));
  seen.push(await refusal(connected('unknown').getAISession({ organisation, sessionId })));

  seen.push((await api.deleteAISession({ organisation, sessionId })).message);
  seen.push(await refusal(api.getAISession({ organisation, sessionId })));
  console.log(JSON.stringify(seen));
}

main();
