// What a program does with the client that the OpenAPI Generator makes for Java: see generated_clients.py.

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AiSessionsApi;
import org.openapitools.client.model.*;

public class Walk {
    static final String HOST = System.getenv("QUANT_BASE_URL");
    static final String TOKEN = System.getenv("QUANT_API_TOKEN");
    static final String ORGANISATION = System.getenv("QUANT_ORGANISATION");

    public static void main(String[] arguments) throws Exception {
        List<Object> seen = new ArrayList<>();
        AiSessionsApi api = with(TOKEN);

        var request = new CreateAISessionRequest()
            .userId("generated-java")
            .sessionGroup("a group")
            .metadata(Map.of("title", "Zürich?", "model", "a model"))
            .expirationMinutes(30)
            .addInitialMessagesItem(new CreateAISessionRequestInitialMessagesInner()
                .role(CreateAISessionRequestInitialMessagesInner.RoleEnum.SYSTEM).content("Be brief."));
        var created = api.createAISession(ORGANISATION, request);
        String id = created.getSessionId().toString();
        seen.add(List.of(created.getStatus().getValue(), Duration.between(created.getCreatedAt(), created.getExpiresAt()).toMinutes()));

        var update = new UpdateAISessionRequest()
            .addNewMessagesItem(new UpdateAISessionRequestNewMessagesInner()
                .role(UpdateAISessionRequestNewMessagesInner.RoleEnum.USER).content("Grüezi 👋"))
            .tokensUsed(7);
        var updated = api.updateAISession(ORGANISATION, id, update);
        seen.add(List.of(updated.getSessionId().toString().equals(id), updated.getTotalMessages(), updated.getTotalTokens()));

        var got = api.getAISession(ORGANISATION, id);
        seen.add(List.of(got.getTitle(), got.getModel(), got.getMessages(), got.getCreatedAt().equals(created.getCreatedAt())));

        var listed = api.listAISessions(ORGANISATION, "generated-java", "a group", 5, 0, "a model");
        seen.add(List.of(listed.size(), listed.get(0).getId().equals(id), listed.get(0).getUpdatedAt().equals(updated.getUpdatedAt())));

        seen.add(api.extendAISession(ORGANISATION, id, null).getMessage());
        var extended = api.extendAISession(ORGANISATION, id, new ExtendAISessionRequest().additionalMinutes(15));
        seen.add(List.of(extended.getMessage(), Duration.between(created.getExpiresAt(), extended.getExpiresAt()).toMinutes()));

        seen.add(refusal(() -> api.createAISession(ORGANISATION, new CreateAISessionRequest().userId(""))));
        seen.add(refusal(() -> api.getAISession("another", id)));
        seen.add(refusal(() -> with("unknown").getAISession(ORGANISATION, id)));

        seen.add(api.deleteAISession(ORGANISATION, id).getMessage());
        seen.add(refusal(() -> api.getAISession(ORGANISATION, id)));
        new ApiClient().getObjectMapper().writeValue(System.out, seen);
    }

    static AiSessionsApi with(String token) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(HOST);
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        return new AiSessionsApi(client);
    }

    interface Call { Object make() throws ApiException; }

    static Object refusal(Call call) throws Exception {
        try {
            call.make();
        } catch (ApiException refused) {
            return List.of(refused.getCode(), new ApiClient().getObjectMapper().readTree(refused.getResponseBody()).get("message"));
        }
        return "taken";
    }
}
