"""What customers of a new market write, by the same wishes as in `phrases`: pure data, no logic."""

from __future__ import annotations

SUBJECTS: dict[str, tuple[str, ...]] = {
    "dispute": ("Unbekannte Abbuchung", "Falscher Betrag", "Doppelt abgebucht", "Zahlung nicht von mir"),
    "invoice": ("Frage zur Rechnung", "Rechnungskopie", "Rechnungsadresse", "Zahlungstermin ändern"),
    "money_back": ("Geld zurück", "Erstattung bitte", "Nicht wie erwartet", "Rücksendung"),
    "fault": ("Funktioniert nicht mehr", "Schon wieder kaputt", "Gerät tot", "Startet ständig neu"),
    "slow": ("Sehr langsam", "Verbindung bricht ab", "Kein Empfang", "Bild ruckelt"),
    "login": ("Anmeldung geht nicht", "Passwort vergessen", "Konto gesperrt", "Kein Code"),
    "cancel": ("Kündigung", "Vertrag beenden", "Ich möchte kündigen", "Ende des Vertrags"),
}

CORES: dict[str, tuple[str, ...]] = {
    "dispute": (
        "auf meiner Kreditkarte steht eine Buchung, der ich nie zugestimmt habe",
        "diese Zahlung kenne ich nicht und niemand bei uns hat etwas bestellt",
        "Sie haben mir für dieselbe Sache zweimal Geld abgebucht",
        "der abgebuchte Betrag ist nicht der vereinbarte",
        "meine Bank zeigt eine Abbuchung von Ihnen, die ich nicht freigegeben habe",
    ),
    "invoice": (
        "könnten Sie mir die Rechnung vom letzten Monat als PDF schicken",
        "unsere Buchhaltung braucht die Rechnung mit der richtigen Anschrift der Firma",
        "ich möchte den Zahlungstermin auf den Monatsersten legen",
        "was bedeutet der Posten Servicegebühr auf meiner Rechnung",
    ),
    "money_back": (
        "ich möchte die Ware zurückgeben und mein Geld wiederhaben",
        "bitte erstatten Sie mir den Kaufpreis, es passt nicht zu uns",
        "das Paket geht heute an Sie zurück, wann bekomme ich mein Geld",
        "es ist nicht das, was auf Ihrer Seite beschrieben war, ich hätte gern eine Erstattung",
    ),
    "fault": (
        "seit gestern geht das Gerät nicht mehr an",
        "es startet alle paar Minuten von selbst neu",
        "die rote Lampe leuchtet und nichts hilft",
        "nach dem letzten Update ist es völlig ausgefallen",
    ),
    "slow": (
        "abends ist die Verbindung so langsam, dass nichts mehr lädt",
        "der Empfang bricht jede Stunde für einige Minuten ab",
        "das Bild ruckelt und der Ton kommt zu spät",
        "seit der Umstellung kommt nur ein Zehntel der Geschwindigkeit an",
    ),
    "login": (
        "ich komme nicht mehr in mein Konto, obwohl das Passwort stimmt",
        "die Nachricht zum Zurücksetzen des Passworts kommt nie an",
        "nach drei Versuchen wurde mein Zugang gesperrt",
        "die App nimmt den Code aus der Kurznachricht nicht an",
    ),
    "cancel": (
        "hiermit kündige ich meinen Vertrag zum nächstmöglichen Termin",
        "bitte beenden Sie das Abonnement und bestätigen Sie es schriftlich",
        "wir ziehen ins Ausland und müssen den Vertrag beenden",
        "ich habe anderswo ein besseres Angebot und werde wechseln",
    ),
}

DETAILS = (
    "Ich bin seit vielen Jahren Kunde.",
    "Am Telefon habe ich lange gewartet.",
    "Mein Nachbar hat dasselbe und keine Probleme.",
    "Sie erreichen mich am besten am Nachmittag.",
    "Das ist schon meine zweite Nachricht dazu.",
)

GREETINGS = ("Guten Tag,", "Hallo,", "Sehr geehrte Damen und Herren,", "Grüß Gott,", "")
CLOSINGS = ("Mit freundlichen Grüßen", "Viele Grüße", "Danke im Voraus", "Besten Dank", "")
