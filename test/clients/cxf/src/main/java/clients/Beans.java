package clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import jakarta.xml.bind.JAXBElement;
import jakarta.xml.bind.annotation.XmlAttribute;
import jakarta.xml.bind.annotation.XmlElement;
import jakarta.xml.bind.annotation.XmlElementRef;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import javax.xml.datatype.DatatypeFactory;
import javax.xml.datatype.XMLGregorianCalendar;
import javax.xml.namespace.QName;

/** JAXB's beans from JSON and to JSON: fields by their XML names, every scalar as the text that it is, nil as null. */
final class Beans {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private Beans() {}

  static Object read(JsonNode json, Class<?> type) throws Exception {
    if (json == null || json.isNull()) return null;
    if (!type.getName().startsWith("stubs.") && !type.getName().startsWith("example.") || type.isEnum()) {
      return scalar(json.asText(), type);
    }
    Object bean = type.getDeclaredConstructor().newInstance();
    for (Field field : type.getDeclaredFields()) {
      JsonNode value = json.get(nameOf(field));
      if (value == null || Modifier.isStatic(field.getModifiers())) continue;
      field.setAccessible(true);
      field.set(bean, value(value, field));
    }
    return bean;
  }

  private static Object value(JsonNode json, Field field) throws Exception {
    if (List.class.isAssignableFrom(field.getType())) {
      List<Object> list = new ArrayList<>();
      for (JsonNode item : json) list.add(read(item, argument(field)));
      return list;
    }
    if (field.getType() != JAXBElement.class) return read(json, field.getType());
    XmlElementRef reference = field.getAnnotation(XmlElementRef.class);
    return element(new QName(reference.namespace(), reference.name()), argument(field), read(json, argument(field)));
  }

  @SuppressWarnings("unchecked")
  private static JAXBElement<Object> element(QName name, Class<?> type, Object value) {
    JAXBElement<Object> element = new JAXBElement<>(name, (Class<Object>) type, value);
    element.setNil(value == null);
    return element;
  }

  private static Class<?> argument(Field field) {
    Type inner = ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
    return (Class<?>) inner;
  }

  private static Object scalar(String text, Class<?> type) throws Exception {
    if (type == String.class) return text;
    if (type == int.class || type == Integer.class) return Integer.valueOf(text);
    if (type == long.class || type == Long.class) return Long.valueOf(text);
    if (type == boolean.class || type == Boolean.class) return Boolean.valueOf(text);
    if (type == BigDecimal.class) return new BigDecimal(text);
    if (type == XMLGregorianCalendar.class) return DatatypeFactory.newInstance().newXMLGregorianCalendar(text);
    if (type.isEnum()) return type.getMethod("fromValue", String.class).invoke(null, text);
    throw new IllegalArgumentException("no scalar " + type);
  }

  static JsonNode print(Object value) {
    if (value == null) return NODES.nullNode();
    if (value instanceof JAXBElement<?> element) return print(element.isNil() ? null : element.getValue());
    if (value instanceof List<?> list) {
      ArrayNode out = NODES.arrayNode();
      for (Object item : list) out.add(print(item));
      return out;
    }
    if (value instanceof BigDecimal decimal) return NODES.textNode(decimal.toPlainString());
    if (value instanceof XMLGregorianCalendar time) return NODES.textNode(time.toXMLFormat());
    if (value instanceof Enum<?>) return NODES.textNode(enumText(value));
    if (value.getClass().getName().startsWith("java.")) return NODES.textNode(value.toString());
    ObjectNode out = NODES.objectNode();
    for (Field field : value.getClass().getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers())) continue;
      field.setAccessible(true);
      try {
        out.set(nameOf(field), print(field.get(value)));
      } catch (IllegalAccessException impossible) {
        throw new IllegalStateException(impossible);
      }
    }
    return out;
  }

  private static String enumText(Object value) {
    try {
      return value.getClass().getMethod("value").invoke(value).toString();
    } catch (ReflectiveOperationException other) {
      return value.toString();
    }
  }

  private static String nameOf(Field field) {
    XmlElement element = field.getAnnotation(XmlElement.class);
    if (element != null && !element.name().equals("##default")) return element.name();
    XmlElementRef reference = field.getAnnotation(XmlElementRef.class);
    if (reference != null) return reference.name();
    XmlAttribute attribute = field.getAnnotation(XmlAttribute.class);
    if (attribute != null && !attribute.name().equals("##default")) return attribute.name();
    return field.getName();
  }
}
