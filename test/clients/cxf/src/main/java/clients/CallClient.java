package clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import jakarta.jws.WebMethod;
import jakarta.jws.WebService;
import jakarta.xml.soap.SOAPFault;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.Service;
import jakarta.xml.ws.WebFault;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import javax.xml.namespace.QName;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Apache CXF, driven by lines of JSON: each line of standard input names a WSDL, a port, an operation and its input, and each is
 * answered by a line that says what the generated stub understood. The WSDL that a line names is read when its port is first used.
 */
public final class CallClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** The interfaces that wsdl2java made, by the WSDL's service. */
  private static final Map<String, Class<?>> INTERFACES = Map.of(
      "OrderService", stubs.orders.OrderServicePortType.class,
      "VoyageService", stubs.voyages.VoyageServicePortType.class,
      "ManifestService", stubs.manifests.ManifestServicePortType.class);

  private final Map<String, Object> ports = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    CallClient client = new CallClient();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(JSON.writeValueAsString(client.answer(JSON.readTree(line))));
    }
  }

  private JsonNode answer(JsonNode call) {
    ObjectNode said = JSON.createObjectNode();
    try {
      Object port = port(call);
      Method method = method(INTERFACES.get(call.get("service").asText()), call.get("operation").asText());
      Object input = Beans.read(call.get("input"), method.getParameterTypes()[0]);
      try {
        Object answer = method.invoke(port, input);
        return said.put("kind", "answer").set("value", Beans.print(answer));
      } catch (InvocationTargetException wrapper) {
        return failure(said, wrapper.getCause());
      }
    } catch (Exception error) {
      return failure(said, error);
    }
  }

  private Object port(JsonNode call) throws Exception {
    String wsdl = call.get("wsdl").asText();
    String name = call.get("port").asText();
    String key = wsdl + " " + name;
    Object known = ports.get(key);
    if (known != null) return known;
    Class<?> type = INTERFACES.get(call.get("service").asText());
    String namespace = type.getAnnotation(WebService.class).targetNamespace();
    Service service = Service.create(URI.create(wsdl).toURL(), new QName(namespace, call.get("service").asText()));
    Object port = service.getPort(new QName(namespace, name), type);
    // A call that hangs must end within the test's patience.
    Map<String, Object> context = ((BindingProvider) port).getRequestContext();
    context.put("javax.xml.ws.client.receiveTimeout", "20000");
    // Answers are held against the WSDL's schema.
    context.put("schema-validation-enabled", "true");
    ports.put(key, port);
    return port;
  }

  private static Method method(Class<?> type, String operation) {
    for (Method method : type.getMethods()) {
      WebMethod named = method.getAnnotation(WebMethod.class);
      String own = named == null || named.operationName().isEmpty() ? method.getName() : named.operationName();
      if (own.equalsIgnoreCase(operation)) return method;
    }
    throw new IllegalArgumentException("no operation " + operation);
  }

  private static JsonNode failure(ObjectNode said, Throwable error) {
    WebFault typed = error.getClass().getAnnotation(WebFault.class);
    if (typed != null) {
      said.put("kind", "fault").put("reason", error.getMessage()).putNull("code");
      return said.set("detail", detail(typed.name(), typed(error)));
    }
    if (error instanceof SOAPFaultException raised) return plain(said, raised.getFault());
    StringBuilder message = new StringBuilder();
    for (Throwable cause = error; cause != null; cause = cause.getCause()) message.append(cause).append("; ");
    return said.put("kind", "error").put("message", message.toString());
  }

  private static JsonNode typed(Throwable error) {
    try {
      return Beans.print(error.getClass().getMethod("getFaultInfo").invoke(error));
    } catch (ReflectiveOperationException missing) {
      throw new IllegalStateException(missing);
    }
  }

  private static JsonNode plain(ObjectNode said, SOAPFault fault) {
    said.put("kind", "fault").put("reason", fault.getFaultString());
    said.put("code", fault.getFaultCodeAsQName().getLocalPart());
    Element first = fault.getDetail() == null ? null : firstElement(fault.getDetail());
    return first == null
        ? said.putNull("detail")
        : said.set("detail", detail(first.getLocalName(), JSON.getNodeFactory().textNode(first.getTextContent())));
  }

  private static Element firstElement(Node parent) {
    for (Node child = parent.getFirstChild(); child != null; child = child.getNextSibling()) {
      if (child instanceof Element element) return element;
    }
    return null;
  }

  private static ObjectNode detail(String name, JsonNode fields) {
    ObjectNode detail = JSON.createObjectNode().put("name", name);
    detail.set("fields", fields);
    return detail;
  }
}
