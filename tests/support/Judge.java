import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.util.Map;
import java.util.Properties;

/**
 * What a version of Kafka itself says of properties. Each line of standard input is `section TAB name TAB value`; the answer to
 * each is one line that begins with =, and ends there where Kafka takes the value, else the reason. Argument: the server.properties of a broker, in which the
 * one property is set.
 *
 * "broker": what a broker reads at its start, KafkaConfig and the defaults of its topics' logs. "topic": LogConfig.validate.
 */
public class Judge {
    public static void main(String[] arguments) throws Exception {
        Properties base = new Properties();
        base.load(new FileReader(arguments[0]));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t", -1);
            Properties properties = new Properties();
            String why = "";
            try {
                if (parts[0].equals("broker")) {
                    properties.putAll(base);
                    properties.setProperty(parts[1], parts[2]);
                    broker(properties);
                } else {
                    properties.setProperty(parts[1], parts[2]);
                    topic(properties);
                }
            } catch (InvocationTargetException error) {
                Throwable cause = error.getCause();
                why = cause.getClass().getSimpleName() + ": " + cause.getMessage();
            }
            System.out.println("=" + why.replace("\n", " "));
        }
    }

    private static void broker(Properties properties) throws Exception {
        Class<?> kind = Class.forName("kafka.server.KafkaConfig");
        Object config = kind.getMethod("fromProps", Properties.class, boolean.class).invoke(null, properties, false);
        try {
            Map<?, ?> logs = (Map<?, ?>) kind.getMethod("extractLogConfigMap").invoke(config);
            log().getConstructor(Map.class).newInstance(logs);
        } catch (NoSuchMethodException error) {
            Class<?> server = Class.forName("kafka.server.KafkaServer$");
            Object logs = server.getMethod("copyKafkaConfigToLog", kind).invoke(server.getField("MODULE$").get(null), config);
            Object none = log().getMethod("apply$default$2").invoke(null);
            log().getMethod("apply", Map.class, Class.forName("scala.collection.immutable.Set")).invoke(null, logs, none);
        }
    }

    private static void topic(Properties properties) throws Exception {
        try {
            log().getMethod("validate", Properties.class).invoke(null, properties);
        } catch (NoSuchMethodException error) { // Kafka 4 takes any map
            log().getMethod("validate", Map.class).invoke(null, properties);
        }
    }

    private static Class<?> log() throws Exception {
        try {
            return Class.forName("org.apache.kafka.storage.internals.log.LogConfig");
        } catch (ClassNotFoundException error) {
            return Class.forName("kafka.log.LogConfig");
        }
    }
}
